"""The secrets that a development service makes for itself."""

import multiprocessing
import re
from pathlib import Path

import pytest

from mailsvc.settings import SettingsError, development_secrets, load_settings, with_development_secrets
from tests.support.settings import PRODUCTION


def test_secrets_made_once_and_private(tmp_path: Path) -> None:
    """The first call makes folder and secrets, readable by the owner only; later calls read the same ones."""
    folder = tmp_path / "deep" / "var"
    made = development_secrets(folder)
    assert development_secrets(folder) == made
    assert len(made.secret_keys[0]) == 32
    assert re.fullmatch(r"mk_[A-Za-z0-9_-]{43}", made.api_key.reveal())
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "secret-key": 0o600,
        "api-key": 0o600,
    }


def test_secrets_processes_at_once_agree(tmp_path: Path) -> None:
    """Processes that start at the same moment end with the same secrets, and leave no half-made file."""
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        keys = pool.map(_api_key, [tmp_path / f"var{number // 8}" for number in range(32)], chunksize=1)
    assert all(len(set(keys[start : start + 8])) == 1 for start in range(0, 32, 8))
    assert {path.name for path in tmp_path.glob("var*/*")} == {"secret-key", "api-key"}


def _api_key(folder: Path) -> str:
    return development_secrets(folder).api_key.reveal()


def test_secrets_damaged_file_refused_unseen(tmp_path: Path) -> None:
    """A damaged file is never replaced, since it may be the only key to what is stored; the error shows none of it."""
    (tmp_path / "secret-key").write_text("geheim")
    with pytest.raises(SettingsError, match=r"^MAILSVC_DATA_DIR: found a damaged secret-key") as caught:
        development_secrets(tmp_path)
    assert "geheim" not in str(caught.value)


def test_secrets_stated_ones_win(tmp_path: Path) -> None:
    """Only what is not stated is generated."""
    settings = with_development_secrets(
        load_settings({"MAILSVC_DATA_DIR": str(tmp_path / "var"), "MAILSVC_API_KEY": "mk_own"})
    )
    assert settings.api_key is not None
    assert settings.api_key.reveal() == "mk_own"
    assert len(settings.secret_keys) == 1


def test_secrets_production_generates_none(tmp_path: Path) -> None:
    """Production keeps what it was given and touches no folder."""
    settings = load_settings(PRODUCTION | {"MAILSVC_DATA_DIR": str(tmp_path / "var")})
    assert with_development_secrets(settings) is settings
    assert list(tmp_path.iterdir()) == []

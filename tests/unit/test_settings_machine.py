"""What the settings need of this machine."""

import stat
from pathlib import Path

import pytest

from mailsvc.settings import SettingsError, check_sources, load_settings, make_folder, prepare_store


def test_folder_is_made_for_the_owner_alone(tmp_path: Path) -> None:
    """A folder that is missing is made with mode 0700, and one that is there is taken as it is."""
    for _ in range(2):
        make_folder("data_dir", tmp_path / "deep" / "var")
    assert stat.S_IMODE((tmp_path / "deep" / "var").stat().st_mode) == 0o700


def test_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """The line names the variable, the folder and what the system says."""
    (tmp_path / "file").touch()
    expected = r"^MAILSVC_DKIM_DIR: found '.*/file/dkim' \(Not a directory\), expected a folder that exists or can be"
    with pytest.raises(SettingsError, match=expected):
        make_folder("dkim_dir", tmp_path / "file" / "dkim")


def test_database_without_a_folder_is_refused(tmp_path: Path) -> None:
    """The database file's folder has to be there already, unless it is the data folder, which is made."""
    environ = {"MAILSVC_DATA_DIR": str(tmp_path / "var")}
    prepare_store(load_settings(environ))
    assert (tmp_path / "var").is_dir()
    elsewhere = environ | {"MAILSVC_DATABASE_URL": f"sqlite:///{tmp_path}/none/x.db"}
    with pytest.raises(
        SettingsError, match=r"^MAILSVC_DATABASE_URL: found a file in '.*/none', .*, expected a file in"
    ):
        prepare_store(load_settings(elsewhere))


@pytest.mark.parametrize("foreign", ["192.0.2.1", "2001:db8::1"])
def test_source_address_of_another_machine_is_refused(foreign: str) -> None:
    """Mails can only leave from addresses that this machine has."""
    check_sources(load_settings({"MAILSVC_SOURCE_ADDRESSES": "127.0.0.1,127.0.0.2"}))
    with pytest.raises(
        SettingsError, match=rf"^MAILSVC_SOURCE_ADDRESSES: found {foreign} \(.*\), expected IP addresses"
    ):
        check_sources(load_settings({"MAILSVC_SOURCE_ADDRESSES": f"127.0.0.1,{foreign}"}))

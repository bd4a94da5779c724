"""docker-compose.yml: what a developer starts with one command must not be reachable from outside."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from mailsvc.settings import RouteKind, RouteTls, load_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def services() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    return loaded


def test_compose_ports_loopback_only(services: dict[str, Any]) -> None:
    """Every published port is published on loopback, since development keys and Mailpit guard nothing."""
    ports = [port for service in services.values() for port in service["ports"]]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_compose_settings_accepted(services: dict[str, Any]) -> None:
    """The environment of mailsvc passes the check of the settings and sends to Mailpit only."""
    settings = load_settings(services["mailsvc"]["environment"])
    assert settings.route.kind is RouteKind.SMTP
    assert settings.route.host in services
    assert settings.route.tls is RouteTls.NONE
    assert settings.fallback_route is None


def test_compose_data_kept_in_volume(services: dict[str, Any]) -> None:
    """The data folder lies in a volume, so that messages and keys outlive the container."""
    settings = load_settings(services["mailsvc"]["environment"])
    assert [volume.partition(":")[2] for volume in services["mailsvc"]["volumes"]] == [str(settings.data_dir)]


def test_compose_mailpit_version_pinned(services: dict[str, Any]) -> None:
    """Development and CI use the same Mailpit."""
    version = services["mailpit"]["image"].rpartition(":")[2]
    assert f"github.com/axllent/mailpit@{version}" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_image_runs_without_root() -> None:
    """The image of mailsvc gives up root before it starts."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert "USER mailsvc" in lines
    assert lines.index("USER mailsvc") < next(i for i, line in enumerate(lines) if line.startswith("ENTRYPOINT"))

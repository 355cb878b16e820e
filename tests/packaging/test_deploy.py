"""deploy/, as far as it can be checked where neither a container engine nor systemd runs."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from backends.rig import Program

import talkover
from talkover.config import Settings
from talkover.media.priority import NICENESS

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PAGE = (ROOT / "docs/deploy.md").read_text()
TEXT = (DEPLOY / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SERVERS = {name: each for name, each in SERVICES.items() if name.startswith("talkover-")}
NATS = (DEPLOY / "nats.conf").read_text()


def unit() -> configparser.SectionProxy:
    """A key that is given twice counts by its last value."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment]
    parser.read(DEPLOY / "talkover.service")
    assert parser.sections() == ["Unit", "Service", "Install"]
    return parser["Service"]


def test_every_image_is_of_one_version() -> None:
    for name, service in SERVICES.items():
        assert re.fullmatch(r"[\w/-]+:\d+\.\d+\.\d+(-\w+)?", service["image"]), name
    ours = {service["image"] for service in SERVERS.values()}
    assert ours == {f"talkover:{talkover.__version__}"}


def test_the_servers_settings_are_settings() -> None:
    assert len(SERVERS) == 3
    for service in SERVERS.values():
        names = {n for n in service["environment"] if n.startswith("TALKOVER_")}
        assert "TALKOVER_KEY" in names, "a proxy makes everybody a caller from this machine"
        assert {n.removeprefix("TALKOVER_").lower() for n in names} <= set(Settings.model_fields)


def test_the_servers_media_threads_may_go_first() -> None:
    assert {service["ulimits"]["nice"] for service in SERVERS.values()} == {20 - NICENESS}


def test_each_server_has_a_media_port_that_is_published_as_itself() -> None:
    ports = [service["environment"]["TALKOVER_MEDIA_PORT"] for service in SERVERS.values()]
    assert len(set(ports)) == 3
    for port, service in zip(ports, SERVERS.values(), strict=True):
        assert service["ports"] == [f"{port}:{port}/udp", f"{port}:{port}/tcp"]
        assert all(f"`{port}`" in PAGE for port in ports)


def test_each_server_is_a_user_of_its_own_in_nats() -> None:
    urls = [service["environment"]["TALKOVER_NATS"] for service in SERVERS.values()]
    users = [re.fullmatch(r"tls://(\w+):\$\{(\w+):\?\}@nats:4222", url) for url in urls]
    for found in users:
        assert found is not None
        user, password = found.groups()
        assert f"{{ user: {user}, password: ${password}, permissions: $NODE }}" in NATS
        assert password in SERVICES["nats"]["environment"]
    assert len({found and found[1] for found in users}) == 3


def test_every_variable_that_is_asked_for_is_in_the_example() -> None:
    given = re.findall(r"^(\w+)=", (DEPLOY / ".env.example").read_text(), re.MULTILINE)
    assert set(given) == set(re.findall(r"\$\{(\w+)", TEXT))


def test_what_is_mounted_is_here_or_the_page_says_how_to_make_it() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                there = (DEPLOY / source).is_file() or f"deploy/{source[2:]}" in PAGE
                assert there, source
            else:
                assert source in COMPOSE["volumes"]


def test_the_proxy_leads_to_all_servers() -> None:
    text = (DEPLOY / "Caddyfile").read_text()
    (way,) = re.findall(r"reverse_proxy ([^{]+) \{", text)
    assert way.split() == [f"{name}:8080" for name in SERVERS]


def test_the_service_has_no_rights_and_keeps_calls_when_it_stops() -> None:
    service = unit()
    assert service["DynamicUser"] == "yes" and service["CapabilityBoundingSet"] == ""
    assert service["KillSignal"] == "SIGTERM"
    assert int(service["LimitNICE"]) == NICENESS
    assert service["StateDirectory"] in shlex.split(service["ExecStart"])[-1]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_takes_the_unit_and_finds_little_exposed(tmp_path: Path) -> None:
    file = tmp_path / "talkover.service"
    text = (DEPLOY / "talkover.service").read_text()
    file.write_text(text.replace("/opt/talkover/bin/talkover", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", file],
        check=True, capture_output=True,
    )  # fmt: skip


@pytest.mark.e2e
def test_the_units_command_serves(tmp_path: Path) -> None:
    (tmp_path / "agent.py").write_text('from talkover import Agent\nagent = Agent("x")\n')
    program, *words = shlex.split(unit()["ExecStart"])
    assert program == "/opt/talkover/bin/talkover"
    for theirs in (unit()["WorkingDirectory"], f"/var/lib/{unit()['StateDirectory']}"):
        words = [word.replace(theirs, str(tmp_path)) for word in words]
    server = Program(
        sys.executable, "-c", "from talkover.cli.main import main; main()", *words,
        "--port", "0", "--media-port", "0",
        cwd=tmp_path, log=tmp_path / "log", PYTHONPATH=str(ROOT / "python"),
    )  # fmt: skip
    url = server.said(r"listens at (\S+)")[1]
    with urllib.request.urlopen(f"{url.rstrip('/')}/readyz", timeout=10) as answer:
        assert answer.status == 200
    assert (tmp_path / "sessions.db").is_file()
    server.stop()
    assert server.process.returncode == 0, server.log

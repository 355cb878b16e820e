"""The doctor's sentences: each failure, put in on purpose, has its own."""

from __future__ import annotations

import resource
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cli.process import COMMAND, Serving, environment, talkover

from talkover.cli import doctor
from talkover.cli.doctor import Finding
from talkover.config import Settings

ANSWER = """v=0
a=candidate:1 1 udp 2130706175 {0} 8081 typ host
a=candidate:2 1 tcp 1671430143 {0} 8081 typ host tcptype passive
"""


def texts(findings: Iterator[Finding]) -> str:
    return "\n".join(f"{finding.level}: {finding.text}" for finding in findings)


def test_who_can_call_follows_from_host_tls_and_public_address():
    here = ("10.1.2.3",)
    assert "only this machine" in texts(doctor.reach(Settings(), here))
    anywhere = texts(doctor.reach(Settings(host="0.0.0.0"), here))
    assert "warning: Browsers give the microphone" in anywhere
    assert "private addresses only (10.1.2.3)" in anywhere and "--public-ip" in anywhere
    known = Settings(host="0.0.0.0", tls=True, public_ip="8.8.8.8")
    assert texts(doctor.reach(known, here)) == "well: Callers are told to send to 8.8.8.8."
    public = texts(doctor.reach(Settings(host="0.0.0.0", tls=True), ("9.9.9.9",)))
    assert public == "well: Callers are told to send to 9.9.9.9."


@pytest.mark.parametrize(
    ("address", "url", "trouble"),
    [
        ("10.0.0.5", "https://talk.example.com/", True),
        ("10.0.0.5", "http://8.8.8.8:8080/", True),
        ("10.0.0.5", "http://10.0.0.5:8080/", False),
        ("127.0.0.1", "http://localhost:8080/", False),
        ("8.8.8.8", "https://talk.example.com/", False),
    ],
)
def test_an_address_that_a_caller_cannot_reach_is_named(address: str, url: str, trouble: bool):
    told = texts(doctor.advertised(ANSWER.format(address), url))
    assert ("trouble" in told and address in told and "--public-ip" in told) == trouble


def test_an_answer_without_any_address_is_a_trouble():
    assert "no address" in texts(doctor.advertised("v=0\n", "http://localhost/"))


def test_a_page_without_a_microphone_is_named():
    assert doctor.microphone("https://8.8.8.8/") is None
    assert doctor.microphone("http://127.0.0.1:8080/") is None
    found = doctor.microphone("http://8.8.8.8:8080/")
    assert found is not None and found.level == "trouble" and "microphone" in found.text


def test_clocks_that_differ_are_told_with_how_much():
    now = 1_800_000_000.0
    assert doctor.clock(formatdate(now - 20), now) is None
    assert doctor.clock(None, now) is None and doctor.clock("yesterday", now) is None
    ahead, behind = (doctor.clock(formatdate(now + off), now) for off in (-3600, 90))
    assert ahead is not None and "3600 s ahead of" in ahead.text
    assert behind is not None and "90 s behind" in behind.text


def test_too_few_open_files_are_told_with_how_many_are_needed():
    assert doctor.files(500, 1024).level == "well"
    assert doctor.files(500, resource.RLIM_INFINITY).level == "well"
    few = doctor.files(500, 256)
    assert few.level == "warning" and "ulimit -n 700" in few.text


def test_every_outcome_of_the_two_calls_has_its_sentence():
    told = {doctor.media(udp, tcp).text for udp in (True, False) for tcp in (True, False)}
    assert len(told) == 4
    assert doctor.media(False, False).level == "trouble"


def test_a_port_that_is_taken_is_named(tmp_path: Path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        ran = talkover(tmp_path, "doctor", env={"TALKOVER_MEDIA_PORT": port, "TALKOVER_PORT": "0"})
    assert ran.returncode == 1, ran
    assert f"!    The media port {port} (UDP) of 127.0.0.1 cannot be used" in ran.stdout
    assert "--media-port" in ran.stdout and ran.stderr == ""


def test_few_open_files_are_seen(tmp_path: Path):
    ran = subprocess.run(
        ["sh", "-c", 'ulimit -n 256; exec "$@"', "sh", *COMMAND, "doctor"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
        env=environment(tmp_path, TALKOVER_MEDIA_PORT="0", TALKOVER_PORT="0"),
    )  # fmt: skip
    assert "?    Open files are limited to 256" in ran.stdout and ran.returncode == 0


@contextmanager
def between(url: str, change: Callable[[str], str] = str, date: str | None = None):
    """A proxy that changes what the server answers."""
    import urllib.request

    class Proxy(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
            asked = urllib.request.Request(url + self.path, body, method=self.command)
            asked.add_header("Content-Type", self.headers.get("Content-Type", "text/plain"))
            with urllib.request.urlopen(asked) as answer:
                text = change(answer.read().decode()).encode()
                self.send_response_only(answer.status)
                for name in ("Location", "Content-Type"):
                    if name in answer.headers:
                        self.send_header(name, answer.headers[name])
                self.send_header("Date", date or answer.headers["Date"])
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        do_GET = do_POST = _pass_on

        def log_message(self, format: str, *args: object) -> None:
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=proxy.serve_forever).start()
    yield f"http://127.0.0.1:{proxy.server_port}"
    proxy.shutdown()
    proxy.server_close()


def astray(*protocols: str) -> Callable[[str], str]:
    """Sends callers to a port where nobody listens."""

    def change(text: str) -> str:
        lines = text.splitlines(keepends=True)
        return "".join(_port_nine(line) if _is_of(line, protocols) else line for line in lines)

    return change


def _is_of(line: str, protocols: tuple[str, ...]) -> bool:
    return line.startswith("a=candidate:") and line.split()[2].lower() in protocols


def _port_nine(line: str) -> str:
    fields = line.split()
    return " ".join([*fields[:5], "9", *fields[6:]]) + "\r\n"


@pytest.mark.e2e
def test_calls_tell_what_is_blocked_between_caller_and_server(tmp_path: Path):
    with Serving(tmp_path) as serving:
        serving.logged("listens at")
        well = talkover(tmp_path, "doctor", serving.url)
        assert well.stdout == "ok   Calls connect over UDP and over TCP.\n", well
        with between(serving.url, astray("udp")) as url:
            ran = talkover(tmp_path, "doctor", url)
            assert "?    UDP is blocked on the way, calls connect over TCP" in ran.stdout, ran
            assert ran.returncode == 0
        with between(serving.url, date="Mon, 01 Jan 2024 00:00:00 GMT") as url:
            ran = talkover(tmp_path, "doctor", url)
            assert "ahead of the server's" in ran.stdout and ran.returncode == 1
        with between(serving.url, astray("udp", "tcp")) as url:
            ran = talkover(tmp_path, "doctor", url)
            assert "!    Neither UDP nor TCP reaches the media port" in ran.stdout, ran
    gone = talkover(tmp_path, "doctor", serving.url)
    assert "!" in gone.stdout and "cannot be reached" in gone.stdout and gone.returncode == 1

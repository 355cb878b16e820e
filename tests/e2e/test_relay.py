"""A call through a relay: a real coturn, a real Chromium that may use nothing else."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.process import talkover, until
from e2e import browser as b
from e2e.server import Server
from e2e.test_gateway import post

pytestmark = pytest.mark.e2e

SECRET = "shared-with-the-relay"
RELAY_ONLY = """
window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(config) { super({ ...config, iceTransportPolicy: 'relay' }); window.peer = this; }
};
"""
PAIR = """async () => {
    const report = [...(await peer.getStats()).values()];
    const pair = report.find((one) => one.type === 'candidate-pair' && one.nominated);
    const of = (id) => report.find((one) => one.id === id);
    return { local: of(pair.localCandidateId), remote: of(pair.remoteCandidateId),
             sent: pair.bytesSent, received: pair.bytesReceived };
}"""


class Coturn:
    """As docs/relay.md sets it up, on loopback, where our server is."""

    def __init__(self, folder: Path) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = folder / "turnserver.conf"
        config.write_text(
            f"use-auth-secret\nstatic-auth-secret={SECRET}\nrealm=relay.test\n"
            f"listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nlistening-port={self.port}\n"
            "no-cli\nno-tls\nno-dtls\nno-tcp-relay\nno-multicast-peers\nallow-loopback-peers\n"
            "denied-peer-ip=0.0.0.0-255.255.255.255\nallowed-peer-ip=127.0.0.1\n"
            "log-file=stdout\nsimple-log\nverbose\n"
            f"pidfile={folder}/turn.pid\nuserdb={folder}/turn.db\n"
        )
        self.file = folder / "turn.log"
        with self.file.open("w") as out:
            self.process = subprocess.Popen(
                ["turnserver", "-c", str(config)], stdout=out, stderr=subprocess.STDOUT, cwd=folder
            )
        until(lambda: self._listens(), 10)

    @property
    def log(self) -> str:
        return self.file.read_text()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.log
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def coturn(tmp_path: Path) -> Iterator[Coturn]:
    relay = Coturn(tmp_path)
    yield relay
    relay.stop()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_browser_that_only_a_relay_lets_through_is_answered(
    coturn: Coturn, tmp_path: Path, transport: str
) -> None:
    turn = f"turn:127.0.0.1:{coturn.port}?transport={transport}"
    server = Server(tmp_path, "--key", "k", "--turn-urls", turn, "--turn-secret", SECRET)
    sound = b.microphone(tmp_path, ("what is twelve times seven", 6.0))
    try:
        with b.browsing("about:blank", sound, ready=False) as page:
            page.add_init_script(RELAY_ONLY)
            page.goto(f"{server.url}/#key=k")
            page.get_by_test_id("chip").first.wait_for()
            b.call(page)
            # Both ways: the words get there, and the answer is heard.
            b.wait(page, "() => talkover.transcript.silences.length >= 2")
            b.wait(page, "() => talkover.stage.levels.of('agent') > 0.01")
            assert "eighty-four" in b.transcript(page)
            pair = page.evaluate(PAIR)
            assert pair["local"]["candidateType"] == "relay"
            assert pair["local"]["relayProtocol"] == transport
            assert pair["received"] > 10_000 and pair["sent"] > 10_000
            b.wait(page, "() => /relay/i.test(document.querySelector('.network').textContent)")
            assert SECRET not in page.content()
        assert "ALLOCATE processed, success" in coturn.log
    finally:
        server.stop()


def test_the_doctor_says_whether_the_relay_answers(coturn: Coturn, tmp_path: Path) -> None:
    here = f"turn:127.0.0.1:{coturn.port}"
    urls = f"{here} {here}?transport=tcp turn:127.0.0.1:9 turns:127.0.0.1:9?transport=tcp"
    settings = {"TALKOVER_TURN_URLS": urls, "TALKOVER_TURN_SECRET": SECRET}
    told = talkover(
        tmp_path, "doctor", env=settings | {"TALKOVER_STUN_URLS": f"stun:127.0.0.1:{coturn.port}"}
    )
    for url in (f"stun:127.0.0.1:{coturn.port}", here, f"{here}?transport=tcp"):
        assert f"{url} answers." in told.stdout, told.stdout
    for url in ("turn:127.0.0.1:9", "turns:127.0.0.1:9?transport=tcp"):
        assert f"{url} does not answer this machine" in told.stdout, told.stdout
    wrong = talkover(tmp_path, "doctor", env={"TALKOVER_TURN_URLS": here})
    assert wrong.returncode == 2 and "--turn-secret" in wrong.stderr


def test_credentials_come_with_a_secret_to_whom_was_let_in_and_end_with_their_calls(
    tmp_path: Path,
) -> None:
    arguments = ("--key", "k", "--stun-urls", "stun:a.example", "--turn-urls", "turn:b.example")
    server = Server(tmp_path, *arguments, "--turn-secret", SECRET, "--call-seconds", "1000")
    try:
        url = f"{server.url}/v1/realtime/client_secrets"
        status, refused = post(url)
        assert status == 401 and "b.example" not in json.dumps(refused)
        body = json.dumps({"max_seconds": 100, "expires_after": {"seconds": 60}}).encode()
        status, minted = post(url, body, Authorization="Bearer k")
        stun, turn = minted["ice_servers"]
        assert stun == {"urls": ["stun:a.example"]} and turn["urls"] == ["turn:b.example"]
        until_s = int(turn["username"].partition(":")[0])
        assert until_s == minted["expires_at"] + 100 and abs(until_s - time.time() - 160) < 20
        _, other = post(url, body, Authorization="Bearer k")
        assert other["ice_servers"][1]["username"] != turn["username"]
        assert SECRET not in json.dumps(minted) and SECRET not in server.log
        assert b"b.example" not in server.get("/console.json")
    finally:
        server.stop()


def test_a_credential_of_another_secret_gets_no_relay(coturn: Coturn, tmp_path: Path) -> None:
    turn = f"turn:127.0.0.1:{coturn.port}"
    server = Server(tmp_path, "--key", "k", "--turn-urls", turn, "--turn-secret", "another")
    try:
        with b.browsing("about:blank", b.silence(tmp_path), ready=False) as page:
            page.add_init_script(RELAY_ONLY)
            page.goto(f"{server.url}/#key=k")
            page.get_by_test_id("chip").first.wait_for()
            b.call(page)
            b.wait(page, "() => document.querySelector('.network').textContent.includes('WebSock')")
        assert "ALLOCATE processed, success" not in coturn.log
    finally:
        server.stop()

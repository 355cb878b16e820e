"""`talkover serve` as a person runs it: what it prints, how it begins and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cli.process import COMMAND, Models, Serving, talkover

from talkover.cli.caller import Caller, CallError

pytestmark = pytest.mark.e2e

AGENT = """
from talkover import Agent

agent = Agent("x", greeting="Hello there.")
"""


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_calls_and_workers_and_exits_with_0(tmp_path: Path, number: int):
    server = Serving(tmp_path)
    try:
        async with Caller(server.url) as call:
            await call.wait_for("output_audio_buffer.started")
            workers = server.children()
            assert len(workers) >= 2
            began = time.monotonic()
            server.process.send_signal(number)
            ended = await call.wait_for("talkover.ended")
            assert "going down" in ended["reason"]
            with pytest.raises(CallError):
                await call.until(lambda: False, 10)
        assert server.process.wait(20) == 0
        assert time.monotonic() - began < 8
        assert not any(map(alive, workers))
        assert "Traceback" not in server.log
    finally:
        server.stop()


def test_a_signal_while_the_engines_start_ends_in_good_order_too(tmp_path: Path):
    with Serving(tmp_path, env={"TALKOVER_PORT": str(free_port())}) as server:
        while server.process.poll() is None and len(server.children()) < 1:
            time.sleep(0.01)
        assert server.stop() == 0
        assert "Traceback" not in server.log


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def test_a_demo_says_what_it_is_and_that_nothing_leaves_the_machine(tmp_path: Path):
    with Serving(tmp_path) as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert server.log.count("http://127.0.0.1:") == 1
        for role, what in (("stt", "audio"), ("llm", "text"), ("tts", "text")):
            pattern = rf"{role}  .*scripted demo.*this machine; {what} stays on this machine"
            assert server.logged(pattern)
        assert "--llm URL" in server.log


@pytest.mark.parametrize("which", ["port", "media-port"])
def test_a_taken_port_is_one_line(tmp_path: Path, which: str):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        other = {"port": "media-port", "media-port": "port"}[which]
        done = talkover(tmp_path, "serve", f"--{which}", port, f"--{other}", "0")
    assert done.returncode == 2
    assert done.stdout == "" and done.stderr.count("\n") == 1
    assert f"{port} of 127.0.0.1 cannot be used" in done.stderr and f"--{which}" in done.stderr


def test_the_only_model_served_is_taken(tmp_path: Path):
    with Models("tiny") as models, Serving(tmp_path, "--llm", models.url) as server:
        assert server.logged(r"llm  tiny \(real\), 127\.0\.0\.1; text stays on this machine")


def test_of_several_models_one_has_to_be_chosen(tmp_path: Path):
    with Models("small", "large") as models:
        done = talkover(tmp_path, "serve", "--port=0", "--media-port=0", "--llm", models.url)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "small, large" in done.stderr and "--model" in done.stderr
        with Serving(tmp_path, "--llm", models.url, "--model", "large") as server:
            assert server.logged(r"llm  large \(real\)")


def test_a_providers_key_in_the_environment_selects_no_engine(tmp_path: Path):
    with Serving(tmp_path, env={"OPENAI_API_KEY": "sk-test"}) as server:
        assert server.url
        assert server.log.count("scripted demo") >= 3
        assert "real)" not in server.log


async def test_off_loopback_a_key_is_made_and_carried_by_the_url(tmp_path: Path):
    with Serving(tmp_path, "--host", "0.0.0.0") as server:
        parts = urlsplit(server.url)
        key = parts.fragment.removeprefix("key=")
        assert len(key) >= 20
        secrets = f"http://127.0.0.1:{parts.port}/v1/realtime/client_secrets"
        assert posted(secrets, key) == 200
        assert posted(secrets, "wrong") == 401
        # The printed URL, by the one address that tests may talk to.
        async with Caller(f"http://127.0.0.1:{parts.port}/#{parts.fragment}") as call:
            await call.wait_for("session.created")
    with Serving(tmp_path, "--host", "0.0.0.0") as again:
        assert key not in again.url


def test_off_loopback_the_given_key_is_carried_by_the_url(tmp_path: Path):
    with Serving(tmp_path, "--host", "0.0.0.0", env={"TALKOVER_KEY": "a/b#c"}) as server:
        assert server.url.endswith("/#key=a%2Fb%23c")
    with Serving(tmp_path, "--key", "quiet") as server:
        assert "quiet" not in server.url


def posted(url: str, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    request = urllib.request.Request(url, b"{}", headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


async def test_a_development_certificate_is_trusted_on_this_machine_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with Serving(tmp_path, "--tls") as server:
        assert server.url.startswith("https://127.0.0.1:")
        monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
        with pytest.raises(CallError, match="nobody vouches"):
            await Caller(server.url).dial()
        async with Caller(server.url, insecure=True) as call:
            await call.wait_for("session.created")
        monkeypatch.setenv("HOME", str(tmp_path))
        for host in ("127.0.0.1", "localhost"):
            async with Caller(server.url.replace("127.0.0.1", host)) as call:
                await call.wait_for("session.created")


async def test_websockets_work_over_tls(tmp_path: Path):
    import websockets

    with Serving(tmp_path, "--tls") as server:
        url = server.url
        (certificate,) = (tmp_path / ".cache/talkover").glob("*.pem")
        trust = ssl.create_default_context(cafile=str(certificate))
        trust.verify_flags |= ssl.VERIFY_X509_STRICT
        async with websockets.connect(f"wss{url[5:]}/v1/realtime", ssl=trust) as leg:
            assert json.loads(await leg.recv())["type"] == "session.created"


def test_the_environment_can_say_what_a_flag_can(tmp_path: Path):
    (tmp_path / "own.py").write_text(AGENT)
    (tmp_path / "talkover.toml").write_text('tls = true\nagent = "own.py"\n')
    with Serving(tmp_path, env={"TALKOVER_TLS": "false"}) as server:
        assert server.url.startswith("http://")
        assert server.page()["agents"] == ["agent"]
    with Serving(tmp_path, "--no-tls") as server:
        assert server.url.startswith("http://")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nosuch.py"], "There is no file nosuch.py"),
        (["nosuch_module"], "There is no module nosuch_module"),
        (["own.py:nobody"], "own.py has no agent called 'nobody'; it has: agent"),
        (["broken.py"], "broken.py:3: ZeroDivisionError"),
        (["bare.py"], "bare.py holds no Agent"),
        (["--turn", "silence_ms=never"], "--turn silence_ms"),
        (["--turn", "silense_ms=1"], "did you mean --turn silence_ms?"),
        (["own.py", "--host", "localhost.invalid"], "no such address"),
    ],
)
def test_what_cannot_be_served_is_one_line(tmp_path: Path, arguments: list[str], words: str):
    (tmp_path / "own.py").write_text(AGENT)
    (tmp_path / "bare.py").write_text("")
    (tmp_path / "broken.py").write_text("\nx = 1\ny = x / 0\n")
    done = talkover(tmp_path, "serve", "--port=0", "--media-port=0", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


RUNS = AGENT + "\nprint('read', __name__)\nagent.run()\n"


@pytest.mark.parametrize("how", ["itself", "served", "module"])
async def test_a_file_that_ends_with_run_serves_once(tmp_path: Path, how: str):
    (tmp_path / "own.py").write_text(RUNS)
    command = {
        "itself": (sys.executable, "own.py"),
        "served": (*COMMAND, "serve", "own.py"),
        "module": (*COMMAND, "serve", "own:agent"),
    }[how]
    with Serving(tmp_path, command=command) as server:
        async with Caller(server.url) as call:
            await call.wait_for("response.done")
            said = call.of("response.output_audio_transcript.done")[0]["transcript"]
            assert said.strip() == "Hello there."
        assert server.stop() == 0
        assert server.log.count("listens at") == 1
        assert server.log.count("read ") == 1


def test_what_init_writes_passes_its_own_test_and_is_left_alone(tmp_path: Path):
    made = talkover(tmp_path, "init", "house")
    assert made.returncode == 0 and "talkover serve" in made.stdout
    folder = tmp_path / "house"
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "2 passed" in tested.stdout, tested.stdout
    again = talkover(tmp_path, "init", "house")
    assert again.returncode == 0 and again.stdout.count("left as it is") == 3


async def test_what_init_writes_is_served_and_called(tmp_path: Path):
    assert talkover(tmp_path, "init").returncode == 0
    with Serving(tmp_path) as server:
        async with Caller(server.url) as call:
            await call.wait_for("output_audio_buffer.stopped")
            said = call.of("response.output_audio_transcript.done")[0]["transcript"]
            assert said.strip() == "Hello! How can I help?"


def test_config_prints_what_serve_would_use(tmp_path: Path):
    (tmp_path / "talkover.toml").write_text("[turn]\ninterrupt_ms = 700\n")
    env = {"TALKOVER_KEY": "s3cret", "TALKOVER_PICTURES": "x"}
    done = talkover(tmp_path, "config", "--port", "3", "--turn", "silence_ms=500", env=env)
    assert done.returncode == 0
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert 'key = "…" # environment' in lines and "s3cret" not in done.stdout
    assert "port = 3 # flag" in lines and "turn.silence_ms = 500 # flag" in lines
    assert "turn.interrupt_ms = 700 # talkover.toml" in lines
    assert "TALKOVER_PICTURES" in done.stderr
    wrong = talkover(tmp_path, "config", env={"TALKOVER_MEDIA_PROT": "1"})
    assert wrong.returncode == 2 and "did you mean TALKOVER_MEDIA_PORT?" in wrong.stderr

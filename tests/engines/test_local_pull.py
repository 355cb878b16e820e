"""Pulling models, from a hub on loopback that misbehaves as real ones do."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from talkover.cli import models
from talkover.engines.local import catalogue, weights
from talkover.engines.local import pull as pulling
from talkover.engines.local.catalogue import MODELS, File, Model
from talkover.engines.local.pull import Pull, PullError
from talkover.errors import ConfigError, EngineError, InputError

COMMIT = "c" * 40
BIG = os.urandom(300_000)
SMALL = b'{"tokens": 12}'
MODEL = Model(
    "tiny", "piper", "acme/tiny", "main", "MIT", "en", (File("a/big.onnx"), File("small.json"))
)  # fmt: skip


class Hub:
    """Files by path, and what is to go wrong with them."""

    def __init__(self) -> None:
        self.files = {"a/big.onnx": BIG, "small.json": SMALL}
        self.has_api = True
        self.ranges = True
        self.cuts = 0
        """So many answers end in the middle."""
        self.busy = 0
        self.asked: list[tuple[str, str | None]] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub.asked.append((self.path, self.headers.get("Range")))
                hub.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """Who has enough of a file hangs up."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        if self.busy:
            self.busy -= 1
            return send(to, 503, b"later")
        if to.path.startswith("/api/"):
            found = self.api(to.path) if self.has_api else None
            return send(to, 404 if found is None else 200, json.dumps(found).encode())
        repository, _, rest = to.path[1:].partition("/resolve/")
        revision, _, path = rest.partition("/")
        assert (repository, revision) == ("acme/tiny", COMMIT if self.has_api else "main")
        if path not in self.files:
            return send(to, 404, b"no such file")
        body, begin = self.files[path], 0
        if self.ranges and (wanted := to.headers.get("Range")):
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
            if begin >= len(body):
                return send(to, 416, b"")
        cut = self.cuts > 0
        self.cuts -= cut
        to.send_response(206 if begin else 200)
        if begin:
            to.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
        to.send_header("Content-Length", str(len(body) - begin))
        to.end_headers()
        left = body[begin:]
        to.wfile.write(left[: len(left) // 2] if cut else left)
        to.close_connection = cut

    def api(self, path: str) -> object:
        if path == "/api/models/acme/tiny/revision/main":
            return {"sha": COMMIT}
        folder = path.removeprefix(f"/api/models/acme/tiny/tree/{COMMIT}").strip("/")
        assert "/api/" not in folder
        return [
            self.entry(name, body)
            for name, body in {"a/big.onnx": BIG, "small.json": SMALL}.items()
            if name.rpartition("/")[0] == folder
        ]

    def entry(self, path: str, body: bytes) -> dict[str, object]:
        git = hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
        entry: dict[str, object] = {"type": "file", "path": path, "size": len(body), "oid": git}
        if len(body) > 1000:
            entry["lfs"] = {"oid": hashlib.sha256(body).hexdigest(), "size": len(body)}
            entry["oid"] = "0" * 40
        return entry

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def send(to: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    to.send_response(status)
    to.send_header("Content-Length", str(len(body)))
    to.end_headers()
    to.wfile.write(body)


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    yield hub
    hub.close()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TALKOVER_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def brought(hub: Hub, model: Model = MODEL) -> Pull:
    pull = Pull(lambda *_: None, hub.url, wait=lambda _: None)
    pull.model(model)
    return pull


def test_a_model_is_brought_whole_and_locked_to_its_commit(hub: Hub, home: Path):
    told: list[tuple[str, int, int | None]] = []
    assert weights.missing(MODEL) == ["big.onnx", "small.json"]
    pull = Pull(lambda *one: told.append(one), hub.url)
    assert pull.model(MODEL) == home / "tiny"
    assert (home / "tiny/big.onnx").read_bytes() == BIG
    assert (home / "tiny/small.json").read_bytes() == SMALL
    assert told[-2][2] == len(BIG) and told[-1] == ("small.json", len(SMALL), len(SMALL))
    locked = weights.locks()["tiny"]
    assert (locked.commit, locked.files["big.onnx"].sha256) == (
        COMMIT, hashlib.sha256(BIG).hexdigest(),
    )  # fmt: skip
    assert weights.missing(MODEL) == [] and pull.unchecked == []
    assert not list((home / "tiny").glob("*.part"))


def test_what_was_cut_off_goes_on_where_it_ended(hub: Hub, home: Path):
    hub.cuts = 2
    brought(hub)
    assert (home / "tiny/big.onnx").read_bytes() == BIG
    ranges = [asked for path, asked in hub.asked if path.endswith("big.onnx")]
    assert ranges == [None, "bytes=150000-", "bytes=225000-"]


def test_another_command_goes_on_where_the_last_one_gave_up(hub: Hub, home: Path):
    (home / "tiny").mkdir(parents=True)
    (home / "tiny/big.onnx.part").write_bytes(BIG[:1234])
    brought(hub)
    assert (home / "tiny/big.onnx").read_bytes() == BIG
    assert [asked for path, asked in hub.asked if path.endswith("big.onnx")] == ["bytes=1234-"]


@pytest.mark.parametrize("begun", [b"other bytes", BIG + b"too many"])
def test_a_beginning_of_other_bytes_is_not_built_upon(hub: Hub, home: Path, begun: bytes):
    (home / "tiny").mkdir(parents=True)
    (home / "tiny/big.onnx.part").write_bytes(begun)
    brought(hub)
    assert (home / "tiny/big.onnx").read_bytes() == BIG


def test_a_host_that_cannot_resume_sends_it_anew(hub: Hub, home: Path):
    hub.ranges, hub.cuts = False, 1
    brought(hub)
    assert (home / "tiny/big.onnx").read_bytes() == BIG


def test_a_host_that_is_busy_is_asked_again(hub: Hub, home: Path):
    hub.busy = 2
    brought(hub)
    assert weights.missing(MODEL) == []


def test_one_that_brings_nothing_is_given_up(hub: Hub):
    hub.files["a/big.onnx"] = b""
    with pytest.raises(PullError, match=r"cut off after 0 bytes .*goes on"):
        brought(hub)
    assert len(hub.asked) == 3 + pulling.TRIES


def test_a_file_that_is_shorter_at_its_host_is_given_up(hub: Hub):
    hub.files["a/big.onnx"] = BIG[:1000]
    with pytest.raises(PullError, match="cut off after"):
        brought(hub)


@pytest.mark.parametrize("file", ["a/big.onnx", "small.json"])
def test_wrong_bytes_are_refused_and_deleted(hub: Hub, home: Path, file: str):
    right = hub.files[file]
    hub.files[file] = right[:-1] + bytes([right[-1] ^ 1])
    with pytest.raises(PullError, match="wrong checksum"):
        brought(hub)
    assert not (home / "tiny" / Path(file).name).exists()
    assert not list((home / "tiny").glob("*.part"))
    hub.files[file] = right
    brought(hub)


def test_more_bytes_than_it_should_have_are_not_written(hub: Hub, home: Path):
    hub.files["a/big.onnx"] = BIG + b"more"
    with pytest.raises(PullError, match=r"big\.onnx is longer than the 300000 bytes"):
        brought(hub)
    assert weights.missing(MODEL) == ["big.onnx", "small.json"]


def test_a_file_that_is_not_there_is_named(hub: Hub):
    del hub.files["small.json"]
    with pytest.raises(PullError, match=r"small\.json is not to be had \(HTTP 404\)"):
        brought(hub)


def test_a_host_that_is_not_there_is_named(hub: Hub):
    pull = Pull(lambda *_: None, "http://127.0.0.1:9", wait=lambda _: None)
    with pytest.raises(PullError, match=r"http://127\.0\.0\.1:9 cannot be asked"):
        pull.model(MODEL)


def test_a_folder_that_cannot_be_written_is_named(hub: Hub, home: Path):
    home.write_text("a file, where a folder should be")
    with pytest.raises(PullError, match=r"cannot be written .*TALKOVER_MODELS"):
        brought(hub)


def test_a_full_disk_is_seen_before_anything_is_written(hub: Hub, home: Path):
    model = Model("tiny", "piper", "acme/tiny", "main", "MIT", "en", (File("a/big.onnx", 10**18),))
    with pytest.raises(PullError, match=r"needs 1000000000000 MB"):
        brought(hub, model)
    assert not list((home / "tiny").glob("big*"))


def test_a_disk_that_fills_up_meanwhile_ends_it_with_a_sentence(hub: Hub, home: Path):
    (home / "tiny").mkdir(parents=True)
    (home / "tiny/big.onnx.part").symlink_to("/dev/full")
    with pytest.raises(PullError, match="No space left"):
        brought(hub)


def test_a_mirror_without_the_api_is_believed_once_and_told_of(hub: Hub, home: Path):
    hub.has_api = False
    assert brought(hub).unchecked == ["big.onnx", "small.json"]
    (home / "tiny/big.onnx").unlink()
    hub.files["a/big.onnx"] = os.urandom(len(BIG))
    with pytest.raises(PullError, match="wrong checksum"):
        brought(hub)


def test_what_is_here_is_checked_again_and_mended_without_asking_for_the_rest(hub: Hub, home: Path):
    brought(hub)
    (home / "tiny/big.onnx").write_bytes(bytes(len(BIG)))
    hub.asked.clear()
    brought(hub)
    assert (home / "tiny/big.onnx").read_bytes() == BIG
    assert [path for path, _ in hub.asked] == [f"/acme/tiny/resolve/{COMMIT}/a/big.onnx"]
    hub.asked.clear()
    brought(hub)
    assert hub.asked == []


def test_a_checksum_of_the_catalogue_counts_without_the_host(hub: Hub, home: Path):
    hub.has_api = False
    wrong = Model(
        "tiny", "piper", "acme/tiny", "main", "MIT", "en",
        (File("a/big.onnx", None, hashlib.sha256(b"another").hexdigest()),),
    )  # fmt: skip
    with pytest.raises(PullError, match="wrong checksum"):
        brought(hub, wrong)


def test_two_pulls_of_one_model_do_not_write_into_each_other(hub: Hub, home: Path):
    def told(*_: object) -> None:
        with pytest.raises(PullError, match="by another process"):
            brought(hub)
        refused.append(True)

    refused: list[bool] = []
    Pull(told, hub.url).model(MODEL)
    assert refused and weights.missing(MODEL) == []


def test_a_lock_file_that_is_none_is_named(home: Path):
    home.mkdir()
    (home / weights.LOCK).write_text('{"tiny": 3}')
    with pytest.raises(ConfigError, match=r"models\.lock\.json cannot be read"):
        weights.missing(MODEL)


def test_the_folder_is_where_caches_are(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("TALKOVER_MODELS")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert weights.folder() == Path("/caches/talkover/models")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert weights.folder() == Path.home() / ".cache/talkover/models"


def test_an_engine_without_weights_is_told_the_command():
    with pytest.raises(EngineError, match=r"talkover models pull kokoro-v1\.0") as missing:
        weights.find("kokoro", None)
    assert missing.value.code == "model_missing"
    with pytest.raises(EngineError, match=r"pull de_DE-thorsten-medium\.$"):
        weights.find("piper", "de_DE-thorsten-medium")
    with pytest.raises(EngineError, match="piper has no model 'kokoro'; it has en_US-ljspeech"):
        weights.find("piper", "kokoro")
    with pytest.raises(EngineError, match=r"model \./mine\.onnx is not there"):
        weights.find("piper", "./mine.onnx")


def test_the_commands_show_the_licence_pull_list_and_delete(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(catalogue, "MODELS", (MODEL,))
    monkeypatch.setattr(models, "MODELS", (MODEL,))

    def run(*arguments: str) -> Result:
        return CliRunner(env={"HF_ENDPOINT": hub.url}).invoke(models.app, arguments)

    refused = run("pull", "tiny")
    assert "Its licence: MIT" in refused.output and hub.asked == []
    assert isinstance(refused.exception, InputError) and "--yes" in refused.exception.message
    assert "pulled" not in run("list").output
    assert f"lies in {home / 'tiny'}" in run("pull", "tiny", "--yes").output
    assert "pulled" in run("list").output
    (home / "tiny/small.json").unlink()
    assert "in part" in run("list").output
    assert "deleted" in run("rm", "tiny").output
    assert not (home / "tiny").exists() and weights.locks()["tiny"].commit == COMMIT
    assert isinstance(run("rm", "tiny").exception, InputError)
    unknown = run("pull", "tinny", "--yes").exception
    assert isinstance(unknown, InputError) and "known are tiny" in unknown.message


def test_names_and_files_of_the_catalogue_are_unambiguous():
    assert len({model.name for model in MODELS}) == len(MODELS)
    for model in MODELS:
        assert len({file.name for file in model.files}) == len(model.files)
        assert all(file.sha256 is None or len(file.sha256) == 64 for file in model.files)

"""Brings a model's files here: resumed where it was cut off, and believed only by its checksums.

What a file must be is known from the lock of an earlier pull and from the catalogue; of a file
that neither knows, its host tells the SHA-256 (a large one, git LFS) or git's own SHA-1 (a small
one; Hub API, `GET /api/models/REPOSITORY/tree/COMMIT/FOLDER`). Where nobody knows (a mirror without
the API), the first pull is trusted, and says so.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import httpx2 as httpx

from ...errors import TalkoverError
from .catalogue import HUB, File, Model
from .weights import LOCK, Locked, Sum, folder, lock, locks

TRIES = 5
"""In a row that brought nothing."""
STALL_S = 30.0
CHUNK = 1 << 20
COMMIT = re.compile(r"[0-9a-f]{40}")

Told = Callable[[str, int, int | None], None]
"""(file, bytes here, bytes of all where known), as they come."""


class PullError(TalkoverError):
    """A model could not be brought here."""

    code = "model_not_pulled"


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a file beforehand."""

    size: int | None = None
    sha256: str | None = None
    git_sha1: str | None = None

    @property
    def is_checked(self) -> bool:
        return self.sha256 is not None or self.git_sha1 is not None


class Pull:
    """Pulls of models from one host. Blocks; thread: any one.

    `wait` passes the seconds before another try.
    """

    def __init__(
        self,
        told: Told,
        host: str = HUB,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._told, self._host, self._wait = told, host.rstrip("/"), wait
        self.unchecked: list[str] = []
        """Files that nothing was known of: their sums are from now on what they came as."""

    def model(self, model: Model) -> Path:
        """Bring what is missing of it, and check what is here; its folder. PullError."""
        home = folder() / model.name
        try:
            home.mkdir(parents=True, exist_ok=True)
            with _alone(home), httpx.Client(timeout=STALL_S, follow_redirects=True) as client:
                self._all(client, model, home)
        except OSError as error:
            raise PullError(
                f"{home} cannot be written ({error.strerror}); make room, or set TALKOVER_MODELS "
                "to another folder. What came so far is kept."
            ) from None
        return home

    def _all(self, client: httpx.Client, model: Model, home: Path) -> None:
        locked = locks().get(model.name)
        if locked is None or locked.revision != model.revision:
            locked = Locked(model.revision, self._commit(client, model))
        unknown = [f for f in model.files if f.sha256 is None and f.name not in locked.files]
        told = self._tree(client, model, locked.commit, unknown)
        for file in model.files:
            expected = _expected(file, locked.files.get(file.name), told.get(file.path))
            target = home / file.name
            if not (target.exists() and _fits(target, expected)):
                url = f"{self._host}/{model.repository}/resolve/{locked.commit}/{file.path}"
                self._file(client, url, target, expected)
                if not expected.is_checked:
                    self.unchecked.append(file.name)
            locked.files[file.name] = Sum(target.stat().st_size, _digest(target, "sha256"))
            lock(model.name, locked)

    def _commit(self, client: httpx.Client, model: Model) -> str:
        if COMMIT.fullmatch(model.revision):
            return model.revision
        found = self._api(client, f"{model.repository}/revision/{model.revision}")
        # A mirror that is only files has the revision's name in its addresses.
        return model.revision if found is None else str(found["sha"])

    def _tree(
        self, client: httpx.Client, model: Model, commit: str, files: list[File]
    ) -> dict[str, Expected]:
        """What the host says of these, by path; nothing, where it has no such API."""
        told: dict[str, Expected] = {}
        for inside in sorted({file.path.rpartition("/")[0] for file in files}):
            path = f"{model.repository}/tree/{commit}/{inside}".rstrip("/")
            for one in self._api(client, path) or ():
                large: dict[str, Any] = one.get("lfs") or {}
                told[one["path"]] = Expected(
                    one.get("size"), large.get("oid"), None if large else one.get("oid")
                )
        return told

    def _api(self, client: httpx.Client, path: str) -> Any:
        """None where the host has it not."""
        for last in (False, False, True):
            try:
                response = client.get(f"{self._host}/api/models/{path}")
                if response.status_code < 500:
                    return response.json() if response.status_code == 200 else None
                trouble = f"HTTP {response.status_code}"
            except ValueError:
                return None
            except httpx.TransportError as error:
                trouble = str(error) or type(error).__name__
            if last:
                break
            self._wait(1.0)
        raise PullError(f"{self._host} cannot be asked ({trouble}); try again, or --from URL.")

    def _file(self, client: httpx.Client, url: str, target: Path, expected: Expected) -> None:
        part = target.with_name(f"{target.name}.part")
        resumed = part.exists() and part.stat().st_size > 0
        self._download(client, url, part, expected.size)
        if not _fits(part, expected) and resumed:
            # What was begun may have been of other bytes; a whole one may still be right.
            part.unlink()
            self._download(client, url, part, expected.size)
        if not _fits(part, expected):
            part.unlink()
            raise PullError(
                f"{target.name} came with a wrong checksum and was deleted; try again, or another "
                "source with --from URL."
            )
        part.replace(target)

    def _download(self, client: httpx.Client, url: str, part: Path, size: int | None) -> None:
        """Until the part is whole; each try goes on where the one before was cut off."""
        tries, most = 0, 0
        while True:
            before = part.stat().st_size if part.exists() else 0
            if size is not None and before > size:
                part.unlink()
                before = 0
            try:
                if before == size or self._stream(client, url, part, before, size):
                    return
                trouble = "the connection was cut"
            except httpx.TransportError as error:
                trouble = str(error) or type(error).__name__
            after = part.stat().st_size if part.exists() else 0
            tries, most = (0, after) if after > max(before, most) else (tries + 1, most)
            if tries == TRIES:
                raise PullError(
                    f"{url} was cut off after {after} bytes ({trouble}); the same command goes on "
                    "from there."
                )
            self._wait(min(2.0**tries / 2, 8.0))

    def _stream(
        self, client: httpx.Client, url: str, part: Path, have: int, size: int | None
    ) -> bool:
        """One try; whether the part is whole now. TransportError, PullError, OSError."""
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with client.stream("GET", url, headers=headers) as response:
            if response.status_code >= 500 or response.status_code == 429:
                return False
            if response.status_code == 416:
                if size is None and response.headers.get("Content-Range") == f"bytes */{have}":
                    return True
                part.unlink()
                return False
            if response.status_code not in (200, 206):
                raise PullError(
                    f"{url} is not to be had (HTTP {response.status_code}); look for another "
                    "source with --from URL."
                )
            goes_on = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            here = have if response.status_code == 206 and goes_on else 0
            length = response.headers.get("Content-Length")
            total = size if size is not None or length is None else here + int(length)
            _room(part, here, total)
            with part.open("ab" if here else "wb") as out:
                # In pieces as they come: a chunk that is waited for is lost where it is cut off.
                self._write(response.iter_raw(), out, part.stem, here, total)
        return total is None or part.stat().st_size >= total

    def _write(
        self, chunks: Iterator[bytes], out: BinaryIO, name: str, here: int, total: int | None
    ) -> None:
        for chunk in chunks:
            here += len(chunk)
            if total is not None and here > total:
                raise PullError(f"{name} is longer than the {total} bytes that it should have.")
            out.write(chunk)
            self._told(name, here, total)


@contextmanager
def _alone(home: Path) -> Generator[None]:
    """While this process pulls the model, no other does. PullError."""
    with (home / ".pulling").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PullError(f"{home.name} is being pulled by another process.") from None
        yield


def _expected(file: File, kept: Sum | None, told: Expected | None) -> Expected:
    """What is known of it. PullError where the lock is of other bytes than the catalogue's."""
    if kept is None:
        told = told or Expected()
        return Expected(file.size or told.size, file.sha256 or told.sha256, told.git_sha1)
    if file.sha256 not in (None, kept.sha256):
        raise PullError(
            f"{file.name} was pulled before with another checksum than the one that is pinned now; "
            f"delete it from {folder() / LOCK}."
        )
    return Expected(kept.size, kept.sha256)


def _fits(file: Path, expected: Expected) -> bool:
    if expected.size is not None and file.stat().st_size != expected.size:
        return False
    if expected.sha256 is not None and _digest(file, "sha256") != expected.sha256:
        return False
    return expected.git_sha1 is None or _digest(file, "sha1") == expected.git_sha1


def _digest(file: Path, algorithm: str) -> str:
    """Of the whole file, in hexadecimal; SHA-1 as git computes it of a blob."""
    digest = hashlib.new(algorithm)
    if algorithm == "sha1":
        digest.update(b"blob %d\0" % file.stat().st_size)
    with file.open("rb") as source:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _room(part: Path, have: int, total: int | None) -> None:
    free = shutil.disk_usage(part.parent).free
    if total is not None and total - have > free:
        raise PullError(
            f"{part.stem} needs {(total - have) / 1e6:.0f} MB, and {part.parent} has "
            f"{free / 1e6:.0f}; make room, or set TALKOVER_MODELS to another folder."
        )

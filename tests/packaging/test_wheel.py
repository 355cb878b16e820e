"""The wheel, as somebody gets it who has neither Rust nor Node: installed, served and called."""

from __future__ import annotations

import email
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import talkover

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
UV = [shutil.which("uv") or "uv"] if shutil.which("uv") else ["python3", "-m", "uv"]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(["scripts/wheel.sh", str(folder)], cwd=ROOT, check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a new environment, with the versions that this tree is tested with."""
    home = tmp_path_factory.mktemp("home")
    tested = home / "tested.txt"
    subprocess.run(
        [*UV, "export", "--quiet", "--frozen", "--no-dev", "--no-hashes", "--no-emit-project",
         "--extra", "demo", "--output-file", str(tested)],
        cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    subprocess.run([*UV, "venv", "--quiet", "--python", sys.executable, home / "env"], check=True)
    subprocess.run(
        [*UV, "pip", "install", "--quiet", "--python", home / "env", "--only-binary", ":all:",
         "--constraint", tested, f"{wheel}[demo]"],
        check=True,
    )  # fmt: skip
    return home / "env" / "bin"


def test_one_wheel_is_for_every_python_from_3_11_on(wheel: Path) -> None:
    name = rf"talkover-{re.escape(talkover.__version__)}-cp311-abi3-\w+\.whl"
    assert re.fullmatch(name, wheel.name)
    with zipfile.ZipFile(wheel) as file:
        assert "talkover/_core.abi3.so" in file.namelist()


def test_the_wheel_holds_the_console_and_what_its_page_names(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        static = "talkover/gateway/static/"
        page = file.read(f"{static}index.html").decode()
        named = re.findall(r'(?:src|href)="\./([^"]+)"', page)
        assert any(name.endswith(".js") for name in named)
        assert {static + name for name in named} <= set(file.namelist())


def test_the_wheel_holds_nothing_but_the_package(wheel: Path) -> None:
    inside = re.compile(
        r"talkover/([a-z_]+/)*[a-z_0-9]+\.py|talkover/_core\.(pyi|abi3\.so)|talkover/py\.typed|"
        r"talkover/gateway/static/(assets/)?[\w.-]+\.(html|js|css|svg|woff2|wasm|png)|"
        r"talkover-[\d.]+\.dist-info/(METADATA|WHEEL|RECORD|entry_points\.txt|licenses/LICENSE)"
    )
    with zipfile.ZipFile(wheel) as file:
        assert [name for name in file.namelist() if not inside.fullmatch(name)] == []
        telling = [name for name in file.namelist() if str(ROOT).encode() in file.read(name)]
        assert telling == [], "these name a folder of the machine that built them"


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        info = f"talkover-{talkover.__version__}.dist-info"
        about = email.message_from_string(file.read(f"{info}/METADATA").decode())
        assert file.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert about["License-Expression"] == "Apache-2.0"
    assert about["Requires-Python"] == ">=3.11"
    assert about["Description-Content-Type"].startswith("text/markdown")
    body = about.get_payload()
    assert isinstance(body, str)
    assert body.strip() == (ROOT / "README.md").read_text().strip()


def test_the_installed_wheel_is_the_one_in_use(installed: Path, tmp_path: Path) -> None:
    code = "import talkover._core, talkover; print(talkover._core.__file__, talkover.__version__)"
    out = _run(installed, tmp_path, "python", "-c", code)
    assert out.split() == [
        str(next(installed.parent.glob("lib/*/site-packages/talkover/_core.abi3.so"))),
        talkover.__version__,
    ]


def test_it_serves_the_page_and_answers_a_call(installed: Path, served: str, tmp_path: Path):
    ready = json.loads(_get(f"{served}/readyz"))
    assert ready["ready"] is True
    page = _get(f"{served}/").decode()
    (script,) = re.findall(r'src="\./([^"]+\.js)"', page)
    assert len(_get(f"{served}/{script}")) > 1000
    talk = _run(installed, tmp_path, "talkover", "call", served, "--text", "what time is it")
    assert re.search(r"It is .* in the (morning|afternoon|evening|night)", talk), talk


@pytest.fixture
def served(installed: Path, tmp_path: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [installed / "talkover", "serve", "--port", "0", "--media-port", "0"],
        env=_bare(installed, tmp_path), cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        said: list[str] = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"listens at (\S+)", line):
                yield found[1]
                return
        raise AssertionError("the server did not start:\n" + "".join(said))
    finally:
        process.terminate()
        process.communicate(timeout=15)


def _bare(installed: Path, home: Path) -> dict[str, str]:
    """No compiler, no Node and no source tree are to be found from here."""
    assert not any(shutil.which(tool, path=str(installed)) for tool in ("cargo", "node", "cc"))
    return {"PATH": str(installed), "HOME": str(home), "LANG": os.environ.get("LANG", "C.UTF-8")}


def _run(installed: Path, home: Path, command: str, *arguments: str) -> str:
    done = subprocess.run(
        [installed / command, *arguments], env=_bare(installed, home), cwd=home,
        capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read()

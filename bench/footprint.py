"""What it costs to have it: import time, the base install's packages and bytes, idle memory."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .child import LOOK_S, START_S
from .report import ROOT, Report, arguments, say, spread, table

GOALS = {"packages": 30, "install_mb": 60, "import_s": 0.3, "idle_rss_mb": 60}
METHOD = (
    "Import is `import talkover` in fresh interpreters, and of `talkover.gateway.app`, which a "
    "server needs; the interpreter's own start is not in it. Installed is the wheel without "
    "extras, by uv, in an empty environment: its packages (itself included) and the bytes of their "
    "files, bytecode included (as pip leaves it). Idle memory is the RSS of `talkover "
    "serve` and of its worker processes, 3 s after it listens and without a call: with the "
    "embedded demo, and without it (all engines remote)."
)
IDLE_S = 3.0


def imports(times: int, python: Path) -> dict[str, Any]:
    """Seconds by the clock and of CPU (which a busy machine does not lengthen), by module."""
    found: dict[str, Any] = {}
    for module in ("talkover", "talkover.gateway.app"):
        code = (
            "import time; t, c = time.perf_counter(), time.process_time(); "
            f"import {module}; print(time.perf_counter() - t, time.process_time() - c)"
        )
        taken = [_output([str(python), "-c", code]).split() for _ in range(times + 1)]
        # The first run fills the disk's cache.
        clock, cpu = ([float(one[n]) for one in taken[1:]] for n in (0, 1))
        found[module] = {"clock": spread(clock, 4), "cpu": spread(cpu, 4)}
    return found


def install(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The base install in an environment of its own: its Python, and what is in it."""
    wheels = sorted((ROOT / "dist").glob("*.whl"), key=lambda file: file.stat().st_mtime)
    if not wheels:
        say("there is no wheel in dist/: building one")
        subprocess.run([ROOT / "scripts/wheel.sh"], check=True, stdout=subprocess.DEVNULL)
        wheels = sorted((ROOT / "dist").glob("*.whl"))
    wheel = wheels[-1]
    uv = _uv()
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    python = folder / "bin/python"
    subprocess.run(
        [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, wheel],
        check=True,
    )
    listed = json.loads(
        _output([*uv, "pip", "list", "--quiet", "--python", str(python), "--format", "json"])
    )
    site = next((folder / "lib").glob("python*/site-packages"))
    # uv leaves a line of its own there; it is not part of the install.
    sizes = {
        entry.name: sum(file.stat().st_size for file in entry.rglob("*") if file.is_file())
        if entry.is_dir() else entry.stat().st_size
        for entry in site.iterdir() if not entry.name.startswith("_virtualenv")
    }  # fmt: skip
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:6]
    return python, {
        "wheel_mb": round(wheel.stat().st_size / 1e6, 2),
        "packages": len(listed),
        "names": [package["name"] for package in listed],
        "install_mb": round(sum(sizes.values()) / 1e6, 2),
        "largest_mb": {name: round(size / 1e6, 2) for name, size in largest},
    }


async def idle(python: Path, folder: Path, *arguments: str) -> dict[str, Any]:
    """Memory of a server that nobody calls, MB."""
    log = folder / "serve.log"
    with log.open("wb") as out:
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            str(python), "-c", "from talkover.cli.main import main; main()", "serve",
            "--port", "0", "--media-port", "0", *arguments,
            stdout=out, stderr=out, cwd=folder, env=_environment(),
        )  # fmt: skip
    try:
        while "listens at" not in log.read_text():
            if process.returncode is not None or time.monotonic() > began + START_S:
                raise SystemExit(f"bench: the server did not start:\n{log.read_text()[-2000:]}")
            await asyncio.sleep(LOOK_S)
        ready = time.monotonic() - began
        await asyncio.sleep(IDLE_S)
        workers = [_rss(child) for child in _children(process.pid)]
        return {
            "ready_s": round(ready, 2),
            "rss_mb": _rss(process.pid),
            "workers_rss_mb": workers,
        }
    finally:
        process.terminate()
        await process.wait()


def _rss(pid: int) -> float:
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return round(int(fields["VmRSS"].split()[0]) * 1024 / 1e6, 1)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def _uv() -> list[str]:
    return ["uv"] if shutil.which("uv") else ["python3", "-m", "uv"]


def _output(command: list[str]) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=_environment())
    return done.stdout


def _environment() -> dict[str, str]:
    """Ours, without what would configure the server or have every start compile all anew."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TALKOVER_") and name != "PYTHONDONTWRITEBYTECODE"
    }


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found: dict[str, Any] = {}
        if asked.no_install:
            python = Path(sys.executable)
        else:
            python, found["install"] = install(folder / "env")
        found["import_s"] = imports(asked.times, python)
        say("idle servers")
        remote = [part for role in ("llm", "stt", "tts")
                  for part in (f"--{role}", "http://127.0.0.1:9/v1")]  # fmt: skip
        found["idle"] = asyncio.run(idle(python, folder, *remote, "--model", "none"))
        found["idle_demo"] = asyncio.run(idle(Path(sys.executable), folder))
    return found


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--times", type=int, default=7, help="fresh interpreters")
    parser.add_argument(
        "--no-install", action="store_true", help="measure this environment, install nothing"
    )
    asked = parser.parse_args()
    report = Report("footprint", asked)
    found = measure(asked)
    report.write(METHOD, GOALS, found)

    def clock(module: str) -> float:
        return found["import_s"][module]["clock"]["p50"]

    rows: list[list[Any]] = []
    if "install" in found:
        rows.append(["packages", found["install"]["packages"], GOALS["packages"]])
        rows.append(["install, MB", found["install"]["install_mb"], GOALS["install_mb"]])
    rows += [
        ["import talkover, s", clock("talkover"), GOALS["import_s"]],
        ["  of CPU, s", found["import_s"]["talkover"]["cpu"]["p50"], None],
        ["import the server, s", clock("talkover.gateway.app"), None],
        ["idle RSS, engines remote, MB", found["idle"]["rss_mb"], GOALS["idle_rss_mb"]],
        ["idle RSS, embedded demo, MB", found["idle_demo"]["rss_mb"], GOALS["idle_rss_mb"]],
        ["  its workers, MB", str(found["idle_demo"]["workers_rss_mb"]), None],
    ]
    table("footprint", ["", "measured", "goal, at most"], rows)


if __name__ == "__main__":
    main()

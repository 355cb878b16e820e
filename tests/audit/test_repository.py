"""Each flaw of a repository is found where it is, and what is done well is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from audit import python_flaws, script_flaws

from talkover.audit.finding import Report
from talkover.audit.repository.judge import judged
from talkover.audit.repository.rules import RULES
from talkover.audit.repository.tree import sources

CASES = [
    pytest.param(rule, files, id=f"{language}-{rule}")
    for language, flawed in (("python", python_flaws.FLAWED), ("script", script_flaws.FLAWED))
    for rule, files in flawed.items()
]
FOLLOWS = {
    "llm-not-streamed": {"no-cancel"},
    # A blocking request is one over its own connection, and in a voice app one without a socket.
    "turn-blocks-socket": set[str](),
    "serverless-voice": set[str](),
    "function-duration": {"serverless-voice"},
    "function-memory": {"serverless-voice"},
    "one-region": {"serverless-voice"},
}
"""What else a case cannot help having."""


def report_of(folder: Path, files: dict[str, str]) -> Report:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    read = sources(folder)
    return judged(str(folder), read.files, read.notes)


def found(report: Report) -> set[str]:
    return {finding.rule.id for finding in report.findings}


@pytest.mark.parametrize(("rule", "files"), CASES)
def test_a_flaw_is_found_at_its_line_and_nothing_else_is(
    rule: str, files: dict[str, str], tmp_path: Path
):
    report = report_of(tmp_path, files)
    assert rule in found(report)
    assert found(report) <= {rule} | FOLLOWS.get(rule, set())
    (finding,) = (one for one in report.findings if one.rule.id == rule)
    path, _, line = finding.evidence[0].where.partition(":")
    assert finding.evidence[0].seen == files[path].splitlines()[int(line) - 1].strip()


def test_every_rule_has_a_repository_that_breaks_it():
    cases = python_flaws.FLAWED.keys() | script_flaws.FLAWED.keys()
    assert cases == {rule.id for rule in RULES}


@pytest.mark.parametrize("files", [python_flaws.GOOD, script_flaws.GOOD], ids=["python", "script"])
def test_a_good_server_raises_no_alarm(files: dict[str, str], tmp_path: Path):
    report = report_of(tmp_path, files)
    assert found(report) == set()
    assert not report.severe and report.verdict.startswith("Nothing was found")
    (stays,) = report.stays
    assert "login" in stays or "invoices" in stays


def test_the_interval_of_a_poll_is_its_cost(tmp_path: Path):
    report = report_of(tmp_path, script_flaws.FLAWED["polling"])
    assert [finding.ms for finding in report.findings] == [1500]


def test_what_nobody_wrote_is_not_read(tmp_path: Path):
    flawed = "socket.setNoDelay(false);\n"
    report = report_of(
        tmp_path,
        {
            "node_modules/a/index.js": flawed, "dist/app.js": flawed, "app.min.js": flawed,
            "app.test.js": flawed, "tests/app.js": flawed, "test_app.py": "import time\n",
            "made/app.js": flawed, "kept/old.js": flawed, "kept/new.js": "ok();\n",
            ".gitignore": "# made by the build\n/made/\nkept/*.js\n!kept/new.js\n",
            "wide.js": f"const a = 1;{' ' * 3000}{flawed}",
        },
    )  # fmt: skip
    assert found(report) == set()
    assert report.facts == (("files read", "2"),)


def test_memory_is_fine_on_one_process(tmp_path: Path):
    files = python_flaws.FLAWED["memory-state"]
    report = report_of(tmp_path, {"app.py": files["app.py"]})
    assert found(report) == set()


def test_many_places_of_one_rule_are_one_finding_and_counted(tmp_path: Path):
    report = report_of(tmp_path, {"tcp.js": "socket.setNoDelay(false);\n" * 40})
    (finding,) = report.findings
    assert finding.ms == 40
    assert finding.evidence[-1].seen == "and 28 more places"


def test_a_function_that_holds_connections_is_none_that_ends(tmp_path: Path):
    page = script_flaws.SOCKET + script_flaws.VOICE
    config = 'main = "src/index.ts"\n[[durable_objects.bindings]]\nname = "CALL"\n'
    assert found(report_of(tmp_path, {"page.js": page, "wrangler.toml": config})) == set()
    (tmp_path / "wrangler.toml").write_text('main = "src/index.ts"\n')
    assert "serverless-voice" in found(report_of(tmp_path, {}))


def test_a_folder_without_sources_says_so(tmp_path: Path):
    assert "was found here" in report_of(tmp_path, {}).notes[0]

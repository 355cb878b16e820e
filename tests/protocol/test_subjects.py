"""The page on what is in NATS names what the log really has."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from talkover.cluster import nats_secrets
from talkover.cluster.nats import BUCKET, STREAM, SUBJECT
from talkover.cluster.nats_link import CHANNEL, NODE
from talkover.observe.subjects import LIVE, STEER
from talkover.protocol.logged import KEPT

PAGE = (Path(__file__).resolve().parents[2] / "docs/subjects.md").read_text()


def test_each_kind_of_record_is_listed_with_fields_that_it_has() -> None:
    listed: set[str] = set()
    table = PAGE.partition("| `fact` |")[2].partition("\n\n")[0]
    for row in table.splitlines()[2:]:
        kinds, fields = (re.findall(r"`(\w+)`", cell) for cell in row.split("|")[1:3])
        listed |= set(kinds)
        for kind in kinds:
            known = {field.name for field in dataclasses.fields(KEPT[kind])}
            assert set(fields) <= known, kind
    assert listed == set(KEPT)


def test_the_names_in_nats_are_those_of_the_log() -> None:
    kept = (STREAM, BUCKET, nats_secrets.BUCKET, f"{SUBJECT}.*")
    told = (f"{NODE}.*", f"{CHANNEL}.*.*", f"{LIVE}.*", f"{STEER}.*")
    for name in (*kept, *told):
        assert f"`{name}`" in PAGE

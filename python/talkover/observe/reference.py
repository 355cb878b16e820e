"""The metrics as a document: `python -m talkover.observe.reference` prints docs/metrics.md."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import Metric

from .gauges import Gauges, Moment
from .metrics import Metrics

_HEAD = """# Metrics

`GET /metrics`, in Prometheus' text format; with the server's key where one is set, else from this
machine only. No label has a session, a user or a word in it, and every label's values are those
here, from the first scrape on. [observability.md](observability.md) says what to make of them.

Made by `python -m talkover.observe.reference`; do not edit.

| name | type | labels | |
| --- | --- | --- | --- |
"""
_SUFFIX = {"counter": "_total"}


def families() -> list[Metric]:
    """Of a server to which nothing has happened yet."""
    metrics = Metrics()
    metrics.register(Gauges(Moment))
    return sorted(metrics.registry.collect(), key=lambda family: family.name)


def name(family: Metric) -> str:
    """As it is scraped; histograms have `_bucket`, `_sum` and `_count` behind it."""
    return family.name + _SUFFIX.get(family.type, "")


def labels(family: Metric) -> dict[str, list[str]]:
    """Each label's values, in the order of the server."""
    found: dict[str, dict[str, None]] = {}
    for sample in family.samples:
        for label, value in sample.labels.items():
            if label != "le":
                found.setdefault(label, {})[value] = None
    return {label: list(values) for label, values in found.items()}


def document() -> str:
    """Markdown."""
    return _HEAD + "".join(_rows())


def _rows() -> Iterator[str]:
    for family in families():
        # A version would have the page change with each.
        listed = "; ".join(
            f"`{label}`" + ("" if label == "version" else f": {', '.join(values)}")
            for label, values in labels(family).items()
        )
        yield f"| `{name(family)}` | {family.type} | {listed or '—'} | {family.documentation} |\n"


if __name__ == "__main__":
    print(document(), end="")

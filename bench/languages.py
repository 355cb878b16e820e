"""Human prompts in several languages, of Debian's asterisk-core-sounds-*-g722: which there are,
which are said in one breath, and which pause.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from .agents import oracle
from .case import Case, Clips, Part, taped
from .scoring import gaps, voiced
from .speech import PROMPTS, RATE
from .timing import answered
from .verdicts import NOISES, judged

LANGUAGES = {"en": "English", "es": "Spanish", "fr": "French", "it": "Italian", "ru": "Russian"}
EACH = 2
"""Prompts of each language a repetition, for barge-ins and for turns."""
BREATH_S = 0.08
"""A longer gap is a pause."""
PAUSE_S = 0.2
SHORT_S, LONG_S = (1.0, 3.0), (2.5, 8.0)
DOCS = Path("/usr/share/doc")


def missing() -> dict[str, str]:
    """Why a language is left out."""
    return {
        language: f"asterisk-core-sounds-{language}-g722 is not installed: scripts/test-tools.sh"
        for language in LANGUAGES
        if not (PROMPTS / language).is_dir()
    }


def available() -> list[str]:
    return [language for language in LANGUAGES if language not in missing()]


@cache
def texts(language: str) -> dict[str, str]:
    """What each prompt says, by its name."""
    package = f"asterisk-core-sounds-{language}"
    file = DOCS / package / f"core-sounds-{language}.txt.gz"
    if not file.exists():
        return {}
    found: dict[str, str] = {}
    for line in gzip.decompress(file.read_bytes()).decode(errors="replace").splitlines():
        if match := re.fullmatch(r"([\w-]+):\s*([^\[\]]+)", line):
            found[match[1]] = match[2].strip()
    return found


def text_of(name: str, language: str) -> str:
    return texts(language)[name]


def in_one_breath(clips: Clips, language: str, count: int) -> list[str]:
    """Prompts of a sentence without a pause, from all over the list."""
    return _chosen(clips, language, count, SHORT_S, lambda longest: longest < BREATH_S)


def in_pieces(clips: Clips, language: str, count: int) -> list[str]:
    """Prompts with a pause within."""
    return _chosen(clips, language, count, LONG_S, lambda longest: longest >= PAUSE_S)


def _chosen(
    clips: Clips,
    language: str,
    count: int,
    seconds: tuple[float, float],
    fits: Callable[[float], bool],
) -> list[str]:
    folder = PROMPTS / language
    # Files of a prompt are 8000 bytes a second.
    names = [
        file.stem
        for file in sorted(folder.glob("*.g722"))
        if seconds[0] <= file.stat().st_size / 8000 <= seconds[1] + 1
        and (language != "en" or file.stem in texts("en"))
    ]
    found: list[str] = []
    # A stride that is prime to most lists: neighbours begin with the same words.
    for n in range(len(names)):
        name = names[n * 37 % len(names)]
        if name in found:
            continue
        clip = clips.prompt(name, language)
        tail = clip.seconds - voiced(clip.samples, RATE)[-1]
        fitting = seconds[0] <= clip.seconds <= seconds[1] and tail < BREATH_S
        if fitting and fits(max(gaps(clip.samples, RATE))):
            found.append(name)
            if len(found) == count:
                break
    return found


def barge_ins(clips: Clips, n: int) -> Iterable[Case]:
    """Human voices over the agent's, clean and in noise."""
    for language, name in _nth(clips, n):
        clip = clips.prompt(name, language)
        for noise, snr in NOISES.items():
            for ear, agent in (("oracle", oracle("content")), ("embedded", "embedded ear")):
                kind = f"real, {language}, {noise}, {ear}"
                yield taped("language", kind, agent, [clip], n, over=True, snr=snr)


def turns(clips: Clips, n: int) -> Iterable[Case]:
    """Human turns in one breath."""
    for language, name in _nth(clips, n):
        clip = clips.prompt(name, language)
        kind = f"{language}, neutral, oracle"
        yield taped("language-turn", kind, oracle("neutral"), [clip], n, over=False)
        yield taped("language-turn", f"{language}, embedded", "embedded ear", [clip], n, over=False)


def _nth(clips: Clips, n: int) -> Iterable[tuple[str, str]]:
    for language in available():
        names = in_one_breath(clips, language, EACH * (n + 1))
        yield from ((language, name) for name in names[EACH * n :])


LANGUAGE = Part(barge_ins, judged, ("wanted", "cancelled", "cancel_ms", "silent_ms"))
LANGUAGE_TURN = Part(turns, answered, ("audio_ms", "cut_off", "discarded"))

"""A short utterance heard again when it is over, where its words were not sure.

While somebody speaks, what a microphone and a room do to the sound is only guessed. Of a whole
utterance it is known (its cepstral mean), and the grammar then hears it far better.
"""

from __future__ import annotations

import math
from typing import Any

from .evidence import Stretch
from .grammar import GRAMMAR
from .sphinx import FOLDER, decoder, grammar_words

MOST_BYTES = 6 * 32000
"""No sentence of the grammar takes longer to say."""
WIDE = {"beam": 1e-64, "pbeam": 1e-64, "wbeam": 1e-40}
"""The beams of the sentence."""
NARROW = 1e-20
"""The beam of the sounds: they have no words to be found in."""
_SCALE = 1024
"""pocketsphinx keeps log likelihoods by so much smaller."""


class SecondLook:
    """One decoder with two searches, for all callers of the process."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder

    @classmethod
    def make(cls) -> SecondLook:
        # All senones at each frame: else a search is measured by the best that it looked at.
        made = decoder(grammar_words(), lm=None, compallsen=True, bestpath=False, **WIDE)
        made.add_jsgf_string("sentence", GRAMMAR)
        made.config["beam"] = made.config["pbeam"] = NARROW
        made.config["lw"] = 2.0
        made.add_allphone_file("sounds", str(FOLDER / "en-us-phone.lm.bin"))
        return cls(made)

    def sentence(self, sound: bytes) -> tuple[str, list[Stretch]]:
        """The sentence of the grammar that fits best, and where its words are."""
        text, found = self._hear("sentence", sound)
        return text, [word for word in found if word.name[0] not in "<[+("]

    def sounds(self, sound: bytes) -> list[Stretch]:
        """Which of the language's sounds fit best."""
        return self._hear("sounds", sound)[1]

    @property
    def mean(self) -> str:
        """Of what was heard last; other decoders take it as what to expect."""
        return self._decoder.get_cmn(False)

    def _hear(self, search: str, sound: bytes) -> tuple[str, list[Stretch]]:
        self._decoder.activate_search(search)
        self._decoder.start_utt()
        self._decoder.process_raw(sound, full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        if hypothesis is None:
            return "", []
        return hypothesis.hypstr, [
            Stretch(one.word, one.start_frame, one.end_frame, math.log(one.ascore) * _SCALE)
            for one in self._decoder.seg()
        ]

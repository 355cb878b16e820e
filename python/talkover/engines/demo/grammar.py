"""What the demo understands well: its intents as a JSGF grammar (W3C note of 2000)."""

from __future__ import annotations

import re

DIGITS = "one two three four five six seven eight nine ten".split()

_COUNTED = " | ".join(" ".join(DIGITS[:n]) for n in range(2, len(DIGITS) + 1))

GRAMMAR = f"""#JSGF V1.0;
grammar demo;
public <utterance> = (<question> | [<polite>] <deed> | [<tell>] <told>) [please] | <short>
  | <counted>;
<polite> = please | can you | could you [please] | i want to | i would like to;
<tell> = [please] (can you | could you) tell me | do you know | tell me;
<told> = the time | what time it is | the date | what day it is;
<question> = <time> | <date> | <sum> | who are you | what can you do | what can i say
  | how do you spell <word>;
<deed> = <timer> | <count> | <story> | <repeat> | spell <word> | help [me];
<time> = what time is it [now] | what is the time | what's the time;
<date> = what day is it [today] | what is the date [today] | what's the date [today];
<sum> = (what is | what's | how much is) <number> (plus | minus | times | divided by) <number>;
<timer> = (set | start) a timer for <long> | <long>;
<long> = <number> (second | seconds | minute | minutes);
<count> = count [up] to <number>;
<story> = (tell | read) me (a | another) story | (hear | have) (a | another) story;
<repeat> = (repeat after me | say) (good morning | good evening | hello world | i am happy
  | the quick brown fox);
<word> = banana | apple | orange | world | computer | london | paris | happy | water | music
  | morning;
<short> = stop | wait | hold on | no | yes | yeah | okay | thank you | thanks | hello | hi
  | goodbye | bye | good morning | right | mm | mhm | hmm | uh-huh | yep | yup | sure | really
  | wow | aha;
<counted> = {_COUNTED};
<number> = <digit> | <teen> | <tens> [<unit>] | <unit> hundred | a hundred;
<digit> = zero | {" | ".join(DIGITS)};
<unit> = {" | ".join(DIGITS[:9])};
<teen> = eleven | twelve | thirteen | fourteen | fifteen | sixteen | seventeen | eighteen
  | nineteen;
<tens> = twenty | thirty | forty | fifty | sixty | seventy | eighty | ninety;
"""


def _pattern(rule: str) -> str:
    """A rule of the grammar as a regular expression for its words, each with a space behind."""
    body = re.search(rf"<{rule}> = (.*?);", GRAMMAR, re.DOTALL)
    made = {"(": "(?:", ")": ")", "[": "(?:", "]": ")?", "|": "|"}
    parts = re.findall(r"<\w+>|[()\[\]|]|[^\s()\[\]|<]+", body[1] if body else "")
    return (
        "(?:"
        + "".join(
            made.get(part) or (_pattern(part[1:-1]) if part[0] == "<" else f"{re.escape(part)} ")
            for part in parts
        )
        + ")"
    )


_WHOLE = re.compile(_pattern("utterance"))
_SHORT = re.compile(_pattern("short"))


def is_whole(text: str) -> bool:
    """Whether these words are a sentence of the grammar, and not only how one begins."""
    return _WHOLE.fullmatch(f"{text} ") is not None


def is_short(text: str) -> bool:
    """Whether they are one of the little words that do nothing."""
    return _SHORT.fullmatch(f"{text} ") is not None

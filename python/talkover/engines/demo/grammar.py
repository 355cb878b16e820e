"""What the demo understands well: its intents as a JSGF grammar (W3C note of 2000)."""

from __future__ import annotations

import re

DIGITS = "one two three four five six seven eight nine ten".split()

SPELLED = (
    "apple banana orange lemon cherry tomato potato bread cheese butter coffee water sugar "
    "chocolate pizza cat dog horse elephant tiger monkey rabbit bird fish house garden window "
    "table chair kitchen school hospital hotel airport station computer telephone keyboard "
    "internet music guitar piano movie picture world ocean mountain river island forest london "
    "paris berlin rome america england france germany sunday monday tuesday wednesday thursday "
    "friday saturday happy beautiful wonderful friend family mother father brother sister morning "
    "evening tomorrow yesterday yellow purple green necessary rhythm mississippi"
).split()
"""What it can be asked to spell: any word would be as likely as the one that was said."""

_COUNTED = " | ".join(" ".join(DIGITS[:n]) for n in range(2, len(DIGITS) + 1))

GRAMMAR = f"""#JSGF V1.0;
grammar demo;
public <heard> = <utterance> | <beyond>;
<utterance> = [<opening>] (<question> | [<polite>] <deed> | [<tell>] <told>) [please]
  | <greeting> | <short> | <counted>;
<opening> = hello | okay;
<polite> = please | (can | could | would) you [please] | i want to | i would like to | i'd like to;
<tell> = [please] (can | could) you [please] tell me | do you know | [please] tell me;
<told> = the time | what time it is | the date | what day it is;
<question> = <time> | <date> | <sum> | <self>;
<deed> = <timer> | <count> | [(tell | read) (me | us) | hear | have] <tale> | <repeat>
  | [how do you] spell [the word] <word> | help [me] | <on> | <again>;
<time> = what time is it [[right] now] | (what is | what's) the [current] time [now];
<date> = (what | which) day is it [today] | what day is today | what day of the week is it
  | (what is | what's) (the date [today] | today's date);
<sum> = (what is | what's | how much is | calculate) <number> <operation> <number>;
<operation> = plus | minus | times | multiplied by | divided by;
<self> = who are you | what are you | what's your name | what is your name | how are you [today]
  | what [else] can you do | what can i (say | do | ask [you]) | how does this work;
<timer> = [(set | start | make) a timer for] <long> | (set | start) a timer
  | (set | start) a (five | ten | twenty | thirty) (second | minute) timer;
<long> = <number> (second | seconds | minute | minutes | hour | hours) | half a minute
  | half an hour | a minute [and a half] | an hour;
<count> = count [up | from one] to <number>;
<tale> = (a | another | one more) [short | long | good] story;
<repeat> = (repeat after me | say) (good (morning | evening | night | afternoon) | hello [world]
  | goodbye | thank you | how are you | i am happy | i love you | nice to meet you
  | the quick brown fox);
<word> = {" | ".join(SPELLED)};
<on> = go on | keep going | carry on | continue;
<again> = say (that | it) again | repeat (that | it) | come again | what did you say;
<greeting> = (hello | hi) (there | world) | thank you very much | thanks a lot | see you later
  | good (morning | evening | afternoon) | (hold on | hang on) a (second | minute | moment);
<short> = stop | wait | hold on | hang on | be quiet | enough | one moment | no | yes | yeah | okay
  | thank you | thanks | hello | hi | goodbye | bye [bye] | right | mm | mhm | hmm | uh-huh | yep
  | yup | sure | really | wow | aha;
<beyond> = never mind | start over | how old are you | where are you from | can you hear me
  | are you there | what do you think | i (do not | don't) know | let me think | tell me more;
<counted> = {_COUNTED};
<number> = <digit> | <teen> | <tens> [<unit>] | (<unit> | a) (hundred | thousand);
<digit> = zero | {" | ".join(DIGITS)};
<unit> = {" | ".join(DIGITS[:9])};
<teen> = eleven | twelve | thirteen | fourteen | fifteen | sixteen | seventeen | eighteen
  | nineteen;
<tens> = twenty | thirty | forty | fifty | sixty | seventy | eighty | ninety;
"""
"""`<beyond>` is what people say to whatever talks and the demo cannot do: known, so that it is not
taken for what sounds like it ("hello what are you")."""


def _body(rule: str) -> str:
    found = re.search(rf"<{rule}> = (.*?);", GRAMMAR, re.DOTALL)
    return found[1] if found else ""


def _pattern(rule: str) -> str:
    """A rule of the grammar as a regular expression for its words, each with a space behind."""
    made = {"(": "(?:", ")": ")", "[": "(?:", "]": ")?", "|": "|"}
    parts = re.findall(r"<\w+>|[()\[\]|]|[^\s()\[\]|<]+", _body(rule))
    return (
        "(?:"
        + "".join(
            made.get(part) or (_pattern(part[1:-1]) if part[0] == "<" else f"{re.escape(part)} ")
            for part in parts
        )
        + ")"
    )


COURTESY = frozenset(re.findall(r"[a-z']+", _body("polite")))
"""They begin any wish, so they tell of none."""
_WHOLE = re.compile(_pattern("utterance"))
_SHORT = re.compile(_pattern("short"))


def is_whole(text: str) -> bool:
    """Whether these words are a sentence of the grammar, and not only how one begins."""
    return _WHOLE.fullmatch(f"{text} ") is not None


def is_short(text: str) -> bool:
    """Whether they are one of the little words that do nothing."""
    return _SHORT.fullmatch(f"{text} ") is not None


def is_counted(said: list[str]) -> bool:
    """Whether somebody counts, from one on; it is answered while they do."""
    return len(said) > 1 and said == DIGITS[: len(said)]


def words() -> frozenset[str]:
    """All that occur in it."""
    return frozenset(re.findall(r"[a-z'-]+", GRAMMAR))

"""What the demo understands well: its intents as a JSGF grammar (W3C note of 2000)."""

from __future__ import annotations

DIGITS = "one two three four five six seven eight nine ten".split()

_COUNTED = " | ".join(" ".join(DIGITS[:n]) for n in range(2, len(DIGITS) + 1))

GRAMMAR = f"""#JSGF V1.0;
grammar demo;
public <utterance> = <intent> [please] | <polite> <intent> | <ask> <asked>;
<polite> = please | can you | could you [please] | i want to | i would like to;
<ask> = [please] (can you | could you) tell me | do you know | tell me;
<asked> = (the time | what time it is | the date | what day it is) [please];
<intent> = <time> | <date> | <sum> | <timer> | <count> | <story> | <repeat> | <spell> | <help>
  | <short> | <counted>;
<time> = what time is it [now] | what is the time | what's the time;
<date> = what day is it [today] | what is the date [today] | what's the date [today];
<sum> = (what is | what's | how much is) <number> (plus | minus | times | divided by) <number>;
<timer> = [set | start] a timer for <long> | <long>;
<long> = <number> (second | seconds | minute | minutes);
<count> = count [up] to <number>;
<story> = (tell | read) me (a | another) story | (hear | have) (a | another) story;
<repeat> = (repeat after me | say) (good morning | good evening | hello world | i am happy
  | the quick brown fox);
<spell> = (spell | how do you spell) (banana | apple | orange | world | computer | london | paris
  | happy | water | music | morning);
<help> = help [me] | what can you do | what can i say | who are you;
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

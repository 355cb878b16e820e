"""The turn machine in virtual time: scripted conversations, then any conversation at all."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from talkover.turn import inputs as i
from talkover.turn import outputs as o
from talkover.turn.diagram import document
from talkover.turn.endpointing import ending
from talkover.turn.interruption import kind
from talkover.turn.machine import EVERY_AGENT, EVERY_USER, TABLE, Agent, TurnMachine, User
from talkover.turn.policy import TurnPolicy, policy


class Floor:
    """A machine with a clock that a test moves."""

    def __init__(self, **settings: Any) -> None:
        self.machine = TurnMachine(TurnPolicy(**{"silence_ms": 350, **settings}))
        self.now = 0.0
        self.done: list[Any] = []

    def at(self, ms: int, *given: Any) -> list[Any]:
        """Run the deadlines up to `ms`, then hand in what is given there."""
        made: list[Any] = []
        while (due := self.machine.deadline()) is not None and due <= ms / 1000:
            self.now = max(self.now, due)
            self.machine.handle_timeout(self.now)
            made += self.machine.poll()
        self.now = ms / 1000
        for one in given:
            self.machine.handle(one, self.now)
            made += self.machine.poll()
        self.done += made
        return made

    def agent_speaks(self) -> Floor:
        """The user asked, and 1 s in the agent has been speaking for half a second."""
        self.at(0, i.SpeechStarted(0.0))
        self.at(300, i.SpeechStopped(0.3), i.Heard("tell me a story", True, True))
        self.at(500, i.Audible(1))
        self.at(1000)
        self.done.clear()
        return self


def kinds(made: list[Any]) -> list[str]:
    return [type(one).__name__ for one in made]


@pytest.mark.parametrize(
    ("words", "known", "wait"),
    [
        ("what time is it", True, 96),
        ("what time is it?", None, 96),
        ("tell me about berlin", None, 350),
        ("i would like to", None, 1200),
        ("my number is five five one", None, 1500),
    ],
)
def test_the_wait_counts_from_the_last_voiced_sample_and_follows_the_words(
    words: str, known: bool | None, wait: int
) -> None:
    floor = Floor()
    floor.at(0, i.SpeechStarted(0.0))
    # The detector's edge comes 60 ms after the last voiced sample.
    floor.at(1060, i.SpeechStopped(1.0), i.Heard(words, True, known))
    assert "CommitTurn" not in kinds(floor.at(1000 + wait - 5))
    ended = kinds(floor.at(1000 + wait + 1))
    assert ended[0] == "CommitTurn" and ended[1] in ("ConfirmReply", "StartReply")


def test_a_sound_without_words_is_no_turn_and_a_long_one_is_answered_all_the_same() -> None:
    cough = Floor()
    cough.at(0, i.SpeechStarted(0.0))
    cough.at(360, i.SpeechStopped(0.3), i.Heard("", True))
    assert kinds(cough.at(901)) == ["DiscardTurn"]
    speech = Floor()
    speech.at(0, i.SpeechStarted(0.0))
    speech.at(1060, i.SpeechStopped(1.0), i.Heard("", True))
    made = speech.at(1601)
    assert kinds(made) == ["CommitTurn", "StartReply"] and "understood" in made[0].why


def test_a_slow_recogniser_does_not_cost_the_question() -> None:
    floor = Floor()
    floor.at(0, i.SpeechStarted(0.0))
    floor.at(1060, i.SpeechStopped(1.0))
    assert floor.at(6000) == []
    floor.at(6001, i.Heard("what time is it", True, True))
    assert kinds(floor.at(6002)) == ["CommitTurn", "StartReply"]
    dead = Floor()
    dead.at(0, i.SpeechStarted(0.0))
    dead.at(1060, i.SpeechStopped(1.0))
    assert kinds(dead.at(30000)) == ["DiscardTurn"]


def test_a_partial_that_straggles_in_after_the_final_words_changes_nothing() -> None:
    floor = Floor(speculate=False)
    floor.at(0, i.SpeechStarted(0.0))
    floor.at(1060, i.SpeechStopped(1.0), i.Heard("tell me about berlin", True))
    floor.at(1100, i.Heard("tell me about", False))
    assert kinds(floor.at(1351)) == ["CommitTurn", "StartReply"]


def test_slow_words_of_a_long_overlap_still_interrupt() -> None:
    floor = Floor().agent_speaks()
    floor.at(1000, i.SpeechStarted(1.0))
    assert floor.at(2060, i.SpeechStopped(2.0)) == []
    assert kinds(floor.at(3500, i.Heard("what about tomorrow", True)))[0] == "CancelReply"


def test_slow_words_are_waited_for_where_the_voice_was_no_cough() -> None:
    floor = Floor().agent_speaks()
    floor.at(1000, i.SpeechStarted(1.0))
    assert floor.at(1760, i.SpeechStopped(1.7)) == []
    assert kinds(floor.at(2900, i.Heard("what about tomorrow", True)))[0] == "CancelReply"
    cough = Floor().agent_speaks()
    cough.at(1000, i.SpeechStarted(1.0))
    assert cough.at(1460, i.SpeechStopped(1.4)) == []
    assert kinds(cough.at(1961)) == ["Resume", "Ignore"]


def test_quiet_takes_away_what_bits_of_noise_added() -> None:
    floor = Floor(interrupt_ms=600).agent_speaks()
    for began in range(1000, 3000, 400):
        # Before a recogniser has words for one bit, the next begins.
        floor.at(began, i.SpeechStarted(began / 1000))
        floor.at(began + 160, i.SpeechStopped((began + 100) / 1000))
    assert floor.machine.user == "judged" and floor.done == []
    voice = Floor(interrupt_ms=600, interrupt_wordless_ms=600).agent_speaks()
    voice.at(1000, i.SpeechStarted(1.0))
    voice.at(1460, i.SpeechStopped(1.4))
    voice.at(1500, i.SpeechStarted(1.5))
    # 400 ms of voice, less 100 of quiet.
    assert kinds(voice.at(1799)) == []
    made = voice.at(1801)
    assert kinds(made)[0] == "CancelReply" and "600 ms of voice" in made[0].why


def test_a_late_ending_that_comes_in_two_bits_reopens_the_turn_as_soon() -> None:
    floor = Floor(partials=False, speculate=False)
    floor.at(0, i.SpeechStarted(0.0))
    floor.at(1060, i.SpeechStopped(1.0), i.Heard("tell me about berlin", True))
    floor.at(1351)
    assert floor.machine.agent == "thinking"
    floor.at(1500, i.SpeechStarted(1.5))
    floor.at(1660, i.SpeechStopped(1.6))
    floor.at(1700, i.SpeechStarted(1.7))
    assert kinds(floor.at(1999)) == []
    assert kinds(floor.at(2001))[:2] == ["CancelReply", "ReopenTurn"]


def test_a_guess_interrupts_only_by_its_length() -> None:
    floor = Floor().agent_speaks()
    floor.at(1000, i.SpeechStarted(1.0))
    assert floor.at(1350, i.Heard("any chance", False, None, False)) == []
    floor.at(1400, i.SpeechStopped(1.35))
    assert kinds(floor.at(1420, i.Heard("any chance", True, None, False))) == ["Resume", "Ignore"]
    long = Floor().agent_speaks()
    long.at(1000, i.SpeechStarted(1.0))
    made = long.at(2100, i.Heard("any chance of rain", False, None, False))
    assert kinds(made)[0] == "CancelReply"


def test_a_decision_over_the_agents_own_echo_says_so() -> None:
    floor = Floor().agent_speaks()
    floor.at(1000, i.SpeechStarted(1.0, -3.2))
    (cancelled, *_) = floor.at(1300, i.Heard("stop", False))
    assert cancelled.why == 'a command: "stop", over an echo at -3 dB'
    alarm = Floor().agent_speaks()
    alarm.at(1000, i.SpeechStarted(1.0, -9.6))
    (resumed, *_) = alarm.at(1200, i.SpeechStopped(1.15), i.Heard("mm-hm", True))
    assert resumed.why == 'backchannel: "mm-hm", over an echo at -10 dB'


def test_a_pause_within_a_turn_does_not_end_it() -> None:
    floor = Floor()
    floor.at(0, i.SpeechStarted(0.0))
    floor.at(560, i.SpeechStopped(0.5), i.Heard("set a timer for", True))
    assert floor.at(1200, i.SpeechStarted(1.2)) == []
    made = floor.at(2400, i.SpeechStopped(2.3), i.Heard("set a timer for five minutes", True, True))
    made += floor.at(2500)
    assert kinds(made) == ["CommitTurn", "StartReply"]
    assert floor.machine.turn == 1


def test_an_answer_is_prepared_in_the_pause_and_heard_only_when_it_was_the_end() -> None:
    floor = Floor()
    floor.at(0, i.SpeechStarted(0.0))
    made = floor.at(1060, i.SpeechStopped(1.0), i.Heard("tell me about berlin", True))
    assert made == [o.PrepareReply(1, "tell me about berlin")]
    assert kinds(floor.at(1351)) == ["CommitTurn", "ConfirmReply"]
    assert floor.machine.agent == "thinking"


def test_an_answer_prepared_for_half_a_sentence_is_discarded_unheard() -> None:
    floor = Floor()
    floor.at(0, i.SpeechStarted(0.0))
    floor.at(1060, i.SpeechStopped(1.0), i.Heard("tell me about berlin", True))
    assert floor.at(1200, i.SpeechStarted(1.2)) == [o.DiscardReply(1)]
    made = floor.at(2060, i.SpeechStopped(2.0), i.Heard("tell me about berlin in winter", True))
    assert made == [o.PrepareReply(2, "tell me about berlin in winter")]
    assert kinds(floor.at(2351)) == ["CommitTurn", "ConfirmReply"]


def test_what_was_prepared_for_other_words_is_prepared_anew() -> None:
    floor = Floor()
    floor.at(0, i.SpeechStarted(0.0))
    floor.at(1060, i.SpeechStopped(1.0), i.Heard("tell me about merlin", True))
    made = floor.at(1200, i.Heard("tell me about berlin", True))
    assert made == [o.DiscardReply(1), o.PrepareReply(2, "tell me about berlin")]


def test_without_speculation_nothing_is_prepared() -> None:
    floor = Floor(speculate=False)
    floor.at(0, i.SpeechStarted(0.0))
    assert floor.at(1060, i.SpeechStopped(1.0), i.Heard("tell me about berlin", True)) == []
    assert kinds(floor.at(1351)) == ["CommitTurn", "StartReply"]


@pytest.mark.parametrize(("likely", "wait"), [(0.9, 200), (0.5, 350), (0.1, 1200)])
def test_an_end_of_turn_model_decides_where_words_leave_it_open(likely: float, wait: int) -> None:
    floor = Floor(speculate=False)
    floor.at(0, i.SpeechStarted(0.0))
    floor.at(1060, i.SpeechStopped(1.0), i.Heard("tell me about berlin", True))
    floor.at(1150, i.Likely(likely))
    assert floor.at(1000 + wait - 2) == []
    commit = floor.at(1000 + wait + 1)[0]
    assert isinstance(commit, o.CommitTurn)
    assert f"{likely:.2f}" in commit.why and f"{wait} ms" in commit.why


def test_in_a_long_turn_the_agent_hums_at_a_pause_that_is_no_end() -> None:
    floor = Floor(backchannel_ms=3000)
    floor.at(0, i.SpeechStarted(0.0))
    floor.at(2060, i.SpeechStopped(2.0), i.Heard("i went to the", True))
    floor.at(2500, i.SpeechStarted(2.5))
    made = floor.at(4060, i.SpeechStopped(4.0), i.Heard("i went to the shop and", True))
    assert made == [o.StartReply(1, "backchannel")]
    assert floor.at(4100, i.Audible(1), i.SpeechStarted(4.1)) == []
    assert floor.at(4300, i.Ended(1)) == []
    made = floor.at(5060, i.SpeechStopped(5.0), i.Heard("i went to the shop and paid.", True))
    assert kinds(made + floor.at(5100)) == ["PrepareReply", "CommitTurn", "ConfirmReply"]


def test_what_is_due_waits_for_the_users_turn_and_is_answered_with_it() -> None:
    floor = Floor()
    floor.at(0, i.SpeechStarted(0.0), i.Due(soon=True))
    floor.at(1060, i.SpeechStopped(1.0), i.Heard("what time is it?", True, True))
    floor.at(2000, i.Audible(1))
    assert floor.at(3000, i.Ended(1)) == [], "the turn's answer was to that too"
    assert floor.at(3100, i.Due()) == [o.StartReply(2, "due")]


def test_a_sentence_ends_nothing_where_nothing_is_due_or_the_user_is_heard() -> None:
    floor = Floor().agent_speaks()
    assert floor.at(1100, i.SentenceEnded(1)) == []
    assert floor.at(1200, i.Due(soon=True)) == [o.EndSentence(1)]
    assert floor.at(1300, i.SpeechStarted(1.3), i.SentenceEnded(1)) == []
    told = Floor().agent_speaks()
    told.at(1200, i.Due(soon=True), i.Told())
    assert told.at(1300, i.SentenceEnded(1)) == [] and told.at(2000, i.Ended(1)) == []


def test_noise_without_a_word_does_not_keep_the_floor() -> None:
    floor = Floor()
    floor.at(0, i.SpeechStarted(0.0))
    floor.at(500, i.Say())
    made = floor.at(8001)
    assert kinds(made) == ["DiscardTurn", "StartReply"]
    assert floor.at(9000, i.Audible(1)) == [] and floor.at(12000, i.Ended(1)) == []
    assert floor.at(20000, i.SpeechStopped(19.9)) == [o.Ignore()]


def test_a_turn_without_an_end_is_answered_at_the_longest() -> None:
    floor = Floor(turn_most_s=30)
    floor.at(0, i.SpeechStarted(0.0))
    floor.at(1000, i.Heard("and then he said", False))
    assert kinds(floor.at(30001)) == ["CommitTurn", "StartReply"]


def test_words_that_come_late_are_waited_for() -> None:
    floor = Floor()
    floor.at(0, i.SpeechStarted(0.0))
    floor.at(560, i.SpeechStopped(0.5))
    assert floor.at(1500) == []
    assert kinds(floor.at(1600, i.Heard("hello", True, True))) == []
    assert kinds(floor.at(1601)) == ["CommitTurn", "StartReply"]


def thinking() -> Floor:
    """The user asked, and the answer is being thought up."""
    floor = Floor()
    floor.at(0, i.SpeechStarted(0.0))
    floor.at(340, i.SpeechStopped(0.25), i.Heard("tell me a story", True, True))
    assert kinds(floor.at(400)) == ["CommitTurn", "StartReply"]
    return floor


def test_going_on_before_the_answer_sounds_cancels_it_and_keeps_the_turn() -> None:
    floor = thinking()
    assert floor.at(450, i.SpeechStarted(0.45)) == [o.WithholdReply(1)]
    made = floor.at(600, i.Heard("about bears", False))
    assert kinds(made) == ["CancelReply", "ReopenTurn"]
    assert floor.machine.turn == 1
    floor.at(900, i.SpeechStopped(0.85), i.Heard("about bears", True, True))
    assert kinds(floor.at(1000)) == ["CommitTurn", "ConfirmReply"]


def test_a_cough_before_the_answer_sounds_does_not_cost_it() -> None:
    floor = thinking()
    assert floor.at(450, i.SpeechStarted(0.45)) == [o.WithholdReply(1)]
    made = floor.at(650, i.SpeechStopped(0.6), i.Heard("", True))
    assert kinds(made) == ["Resume", "Ignore"]
    assert floor.machine.agent == "thinking"


def test_a_reply_that_was_released_just_then_is_interrupted_as_usual() -> None:
    floor = thinking()
    floor.at(450, i.SpeechStarted(0.45))
    floor.at(460, i.Audible(1), i.Ducked(1))
    assert kinds(floor.at(700, i.Heard("about bears", False))) == ["CancelReply", "ReopenTurn"]


@pytest.mark.parametrize("words", ["stop", "wait a moment", "hold on", "what about tomorrow"])
def test_a_command_or_two_words_interrupt_at_once(words: str) -> None:
    floor = Floor().agent_speaks()
    floor.at(1000, i.SpeechStarted(1.0))
    made = floor.at(1300, i.Heard(words, False))
    assert isinstance(made[0], o.CancelReply) and words in made[0].why
    assert made == [
        o.CancelReply(1, "turn_detected", made[0].why),
        o.BeginTurn(2, 1.0, words),
    ]


def test_voice_that_lasts_interrupts_without_words() -> None:
    floor = Floor().agent_speaks()
    floor.at(1000, i.SpeechStarted(1.0))
    assert floor.at(2190) == []
    assert kinds(floor.at(2200)) == ["CancelReply", "BeginTurn"]
    batch = Floor(partials=False).agent_speaks()
    batch.at(1000, i.SpeechStarted(1.0))
    assert batch.at(1990) == []
    assert kinds(batch.at(2000)) == ["CancelReply", "BeginTurn"]


@pytest.mark.parametrize("words", ["mm-hm", "yeah", "uh huh", "okay right", ""])
def test_a_backchannel_or_a_cough_leaves_the_answer_alone(words: str) -> None:
    floor = Floor().agent_speaks()
    floor.at(1000, i.SpeechStarted(1.0))
    floor.at(1400, i.SpeechStopped(1.35))
    made = floor.at(1420, i.Heard(words, True))
    assert kinds(made)[0] == "Resume"
    assert kinds(made)[1:] == (["Backchannel", "Ignore"] if words else ["Ignore"])
    assert floor.machine.turn == 1


def test_without_any_words_the_agent_goes_on_after_half_a_second() -> None:
    floor = Floor().agent_speaks()
    floor.at(1000, i.SpeechStarted(1.0))
    floor.at(1400, i.SpeechStopped(1.35))
    assert floor.at(1890) == []
    assert kinds(floor.at(1900)) == ["Resume", "Ignore"]


def test_a_short_question_over_the_answer_is_answered() -> None:
    floor = Floor().agent_speaks()
    floor.at(1000, i.SpeechStarted(1.0))
    floor.at(1400, i.SpeechStopped(1.35))
    made = floor.at(1450, i.Heard("berlin", True)) + floor.at(1800)
    assert kinds(made) == [
        "CancelReply", "BeginTurn", "PrepareReply", "CommitTurn", "ConfirmReply",
    ]  # fmt: skip
    assert made[1] == o.BeginTurn(2, 1.0, "berlin"), "the words that decided belong to the turn"


def test_in_its_first_moments_the_agent_needs_more_than_a_word() -> None:
    floor = Floor()
    floor.at(0, i.SpeechStarted(0.0))
    floor.at(300, i.SpeechStopped(0.3), i.Heard("go", True, True))
    floor.at(500, i.Audible(1))
    floor.at(600, i.SpeechStarted(0.6))
    assert floor.at(800, i.Heard("stop", False)) == []
    assert kinds(floor.at(860, i.Heard("stop", False))) == ["CancelReply", "BeginTurn"]


def test_the_agent_that_ends_meanwhile_leaves_the_floor_to_the_user() -> None:
    floor = Floor().agent_speaks()
    floor.at(1000, i.SpeechStarted(1.0))
    assert floor.at(1200, i.Ended(1)) == [o.BeginTurn(2, 1.0)]


def test_no_interruptions_means_none_and_overlap_answers_afterwards() -> None:
    deaf = Floor(interruptions="no").agent_speaks()
    deaf.at(1000, i.SpeechStarted(1.0))
    assert deaf.at(3000, i.Heard("stop at once please", True)) == []
    both = Floor(interruptions="overlap").agent_speaks()
    assert both.at(1000, i.SpeechStarted(1.0)) == [o.BeginTurn(2, 1.0)]
    both.at(1500, i.SpeechStopped(1.4), i.Heard("and then?", True, True))
    assert kinds(both.at(1600)) == ["CommitTurn"]
    assert both.at(2000, i.Ended(1)) == [o.StartReply(2, "turn")]


def test_who_speaks_on_over_what_cannot_be_interrupted_is_heard_afterwards() -> None:
    floor = Floor(interruptions="no").agent_speaks()
    floor.at(1000, i.SpeechStarted(1.0))
    assert floor.at(3000, i.Ended(1)) == [o.BeginTurn(2, 1.0)]
    brief = Floor(interruptions="no").agent_speaks()
    brief.at(1000, i.SpeechStarted(1.0))
    assert brief.at(1500, i.SpeechStopped(1.4)) == [o.Ignore()]
    assert brief.at(3000, i.Ended(1)) == []


def test_a_guarded_span_is_not_interrupted_and_what_follows_it_is() -> None:
    floor = Floor().agent_speaks()
    floor.at(1000, i.Guarded(1, True), i.SpeechStarted(1.0))
    assert floor.at(1500, i.Heard("stop at once please", False)) == []
    assert floor.at(2000, i.Guarded(1, False)) == []
    assert floor.machine.user == "overlapping"
    assert kinds(floor.at(2100, i.Heard("stop at once please", False)))[0] == "CancelReply"


def test_an_answer_that_enters_a_guarded_span_while_undecided_goes_on() -> None:
    floor = Floor().agent_speaks()
    floor.at(1000, i.SpeechStarted(1.0))
    floor.at(1100, i.Guarded(1, True))
    assert kinds(floor.at(1300, i.Heard("stop", False))) == ["Resume", "Ignore"]


def test_what_the_agent_wants_to_say_waits_until_nobody_speaks() -> None:
    floor = Floor()
    floor.at(0, i.SpeechStarted(0.0))
    assert floor.at(100, i.Say()) == []
    floor.at(380, i.SpeechStopped(0.3), i.Heard("hello", True, True))
    assert kinds(floor.at(400)) == ["CommitTurn", "StartReply"]
    assert floor.at(900, i.Audible(1), i.Ended(1)) == [o.StartReply(2, "say")]


def test_push_to_talk_ends_a_turn_only_by_the_client() -> None:
    floor = Floor(mode="manual")
    assert floor.at(0, i.SpeechStarted(0.0), i.SpeechStopped(0.5)) == []
    assert kinds(floor.at(5000, i.Commit())) == ["CommitTurn"]
    assert kinds(floor.at(5001, i.Create())) == ["StartReply"]


def test_a_wanted_reply_takes_the_place_of_one_under_way() -> None:
    floor = Floor().agent_speaks()
    assert floor.at(1000, i.Create()) == [
        o.CancelReply(1, "client_cancelled", "another reply was asked for"),
        o.StartReply(2, "create"),
    ]
    assert floor.at(1100, i.Ended(1), i.Audible(1)) == []


def test_bad_turn_settings_are_named() -> None:
    with pytest.raises(ValueError, match="no preset"):
        policy("hasty")
    with pytest.raises(ValueError, match="silence_ms"):
        policy({"silence_ms": -1})
    with pytest.raises(ValueError, match="known"):
        policy({"silence": 1})
    assert policy("patient").silence_ms > policy("normal").silence_ms


def test_kinds_of_sounds() -> None:
    assert kind("yeah") == kind("Mm-hm.") == kind("uh huh") == "backchannel"
    assert kind("no") == kind("Stop!") == kind("please hold on") == "command"
    assert kind("") == kind("um") == "nothing"
    assert kind("what time is it") == "content"
    assert ending("i was in the") == "open" and ending("Really?") == "complete"
    assert ending("five five one") == "dictating" and ending("") == "none"


def test_the_table_names_real_states_and_methods() -> None:
    assert EVERY_USER == set(get_args(User)) and EVERY_AGENT == set(get_args(Agent))
    for row in TABLE:
        assert row.user <= EVERY_USER and row.agent <= EVERY_AGENT
        assert callable(getattr(TurnMachine, f"_{row.do}"))


def test_the_document_is_drawn_from_the_table(request: pytest.FixtureRequest) -> None:
    path = request.config.rootpath / "docs" / "turns.md"
    assert path.read_text() == document(), "run: python -m talkover.turn.diagram > docs/turns.md"


class AnyConversation(RuleBasedStateMachine):
    """Whatever happens: one live reply at most, and each ends exactly once."""

    def __init__(self) -> None:
        super().__init__()
        policy = TurnPolicy(backchannel_ms=1000)
        self.machine, self.twin = TurnMachine(policy), TurnMachine(policy)
        self.now = 0.0
        self.voice = False
        self.live: int | None = None
        self.prepared: int | None = None
        self.audible = False
        self.ended: set[int] = set()
        self.open: int | None = None

    def give(self, *given: Any) -> None:
        for one in given:
            self.machine.handle(one, self.now)
            self.twin.handle(one, self.now)
            self.check()

    def check(self) -> None:
        made = self.machine.poll()
        assert made == self.twin.poll()
        for one in made:
            match one:
                case o.StartReply(epoch, _):
                    assert self.live is None and epoch not in self.ended
                    assert self.prepared is None
                    self.live, self.audible = epoch, False
                case o.PrepareReply(epoch, words):
                    assert self.live is None and self.prepared is None and words
                    assert self.open is not None, "only an open turn is prepared for"
                    self.prepared = epoch
                case o.ConfirmReply(epoch):
                    assert epoch == self.prepared and self.live is None and self.open is None
                    self.live, self.prepared, self.audible = epoch, None, False
                case o.DiscardReply(epoch):
                    assert epoch == self.prepared
                    self.ended.add(epoch)
                    self.prepared = None
                case o.WithholdReply(epoch):
                    assert epoch == self.live
                case o.CancelReply(epoch, _, why):
                    assert why
                    assert epoch == self.live
                    self.ended.add(epoch)
                    self.live = None
                case o.Resume(epoch, why):
                    assert epoch == self.live and why
                case o.BeginTurn(turn, _, _):
                    assert self.open is None
                    self.open = turn
                case o.ReopenTurn(turn, _, _):
                    assert self.open is None
                    self.open = turn
                case o.CommitTurn(turn, _, why) | o.DiscardTurn(turn, why):
                    assert why
                    assert self.open in (turn, None)
                    self.open = None
                case _:
                    pass

    @rule(ms=st.integers(0, 3000))
    def wait(self, ms: int) -> None:
        until = self.now + ms / 1000
        while (due := self.machine.deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.machine.handle_timeout(self.now)
            self.twin.handle_timeout(self.now)
            self.check()
            again = self.machine.deadline()
            assert again is None or again > due, "a deadline that passed must not come back"
        self.now = until

    @rule()
    def voice_changes(self) -> None:
        self.voice = not self.voice
        self.give(i.SpeechStarted(self.now) if self.voice else i.SpeechStopped(self.now))

    @rule(
        text=st.sampled_from(["", "yeah", "stop", "what time is it", "i would like to"]),
        final=st.booleans(),
        complete=st.sampled_from([None, True, False]),
        sure=st.booleans(),
    )
    def words(self, text: str, final: bool, complete: bool | None, sure: bool) -> None:
        self.give(i.Heard(text, final, complete, sure))

    @rule(probability=st.sampled_from([0.05, 0.5, 0.95]))
    def likely(self, probability: float) -> None:
        self.give(i.Likely(probability))

    @precondition(lambda self: self.live is not None)
    @rule(on=st.booleans())
    def guarded(self, on: bool) -> None:
        assert self.live is not None
        self.give(i.Guarded(self.live, on))

    @rule(one=st.sampled_from([i.Due(), i.Due(soon=True), i.Told()]))
    def due(self, one: Any) -> None:
        self.give(one)

    @precondition(lambda self: self.live is not None)
    @rule()
    def sentence(self) -> None:
        assert self.live is not None
        self.give(i.SentenceEnded(self.live))

    @rule(one=st.sampled_from([i.Commit(), i.Clear(), i.Create(), i.Say(), i.CancelReply()]))
    def client(self, one: Any) -> None:
        self.give(one)

    @precondition(lambda self: self.live is not None)
    @rule(one=st.sampled_from([i.Audible, i.Ducked, i.Held, i.Resumed]))
    def media(self, one: Any) -> None:
        assert self.live is not None
        self.audible |= one is i.Audible
        self.give(one(self.live))

    @precondition(lambda self: self.live is not None)
    @rule()
    def reply_ends(self) -> None:
        assert self.live is not None
        epoch, self.live = self.live, None
        self.ended.add(epoch)
        self.give(i.Ended(epoch))

    @rule(epoch=st.integers(0, 3))
    def stale_news_change_nothing(self, epoch: int) -> None:
        if epoch in self.ended:
            self.give(i.Audible(epoch), i.Ended(epoch))

    @invariant()
    def agent_and_reply_agree(self) -> None:
        assert (self.machine.agent in ("listening", "preparing")) == (self.live is None)
        assert (self.machine.agent == "preparing") == (self.prepared is not None)
        if self.machine.user in ("speaking", "pausing"):
            assert self.open is not None
        if self.machine.user != "silent":
            assert self.machine.deadline() is not None


AnyConversation.TestCase.settings = settings(
    max_examples=150, stateful_step_count=60, deadline=None, derandomize=True
)
TestAnyConversation = AnyConversation.TestCase

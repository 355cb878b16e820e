"""Testing your own agent: talk with it in virtual time. Run with: pytest examples/test_tools.py

No server, no model, no key. The conversation takes seconds, the test milliseconds; print(result)
draws who spoke when.
"""

from tools import FREE, agent

from talkover.testing import Call, Talk

BOOKING = Call("book", {"day": "Friday", "people": 2})
MODEL = {
    "hungry": [Call("todays_menu", {}), "There is {result}."],
    "monday": [Call("free_seats", {"day": "Monday"}), "I am afraid not. {result}"],
    "for two": [BOOKING, "Shall I book for two on Friday?"],
    "yes": [BOOKING, "It is {result}."],
    "": "I see.",
}


def test_a_slow_tool_is_bridged():
    talk = Talk(agent, llm=MODEL)
    hungry = talk.user("I am hungry, what is there?")
    result = talk.run()
    (turn,) = result.turns
    assert turn.heard.startswith("Let me look that up."), result
    assert "trout" in turn.heard, result
    # Seconds from the end of the words to the first sound: nobody sits in silence.
    silence = result.answer_after(hungry)
    assert silence is not None and silence < 1.5, result


def test_nothing_is_booked_without_a_yes():
    talk = Talk(agent, llm=MODEL)
    talk.user("A table for two on Friday please")
    result = talk.run()
    assert [tool.phase for tool in result.tools] == ["asked"], result
    assert FREE["friday"] == 2


def test_a_yes_books_the_table():
    talk = Talk(agent, llm=MODEL)
    talk.user("A table for two on Friday please")
    talk.user("yes please")
    result = talk.run()
    assert result.turns[-1].heard.startswith("It is booked for 2 on Friday"), result
    assert FREE["friday"] == 0


def test_the_model_is_told_what_went_wrong():
    talk = Talk(agent, llm=MODEL)
    talk.user("Is there a table on Monday?")
    result = talk.run()
    assert "try friday to sunday" in result.turns[0].heard, result


def test_a_guest_may_cut_in():
    talk = Talk(agent, llm=MODEL)
    talk.user("I am hungry, what is there?")
    cut = talk.user("wait, is there a table on Monday?", after_audible=1.0)
    result = talk.run()
    menu, after = result.turns
    assert menu.interrupted and "afraid" in after.heard, result
    assert result.silence_after(cut) < 1.0, result

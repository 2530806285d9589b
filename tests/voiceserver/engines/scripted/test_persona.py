from datetime import UTC, datetime
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceserver.engines.roles import ChatMessage, Speaker
from voiceserver.engines.scripted.persona import Persona, PersonaError, Rule, normalise, remainder

AFTERNOON = datetime(2026, 11, 3, 16, 5, tzinfo=UTC)
SHIPPED = files("voiceserver.engines.scripted").joinpath("persona.toml").read_text(encoding="utf-8")
FALLBACKS = ("I have no rule", "That is more than my rules", "I heard you, but I do not know")


class Conversation:
    """A talk with the shipped persona; `cut` is how many words of its answer were heard."""

    def __init__(self, seed: int = 0) -> None:
        self._persona = Persona.parse(SHIPPED, seed=seed)
        self._messages: list[ChatMessage] = []

    def say(self, text: str, *, cut: int | None = None) -> str:
        self._messages.append(ChatMessage(Speaker.USER, text))
        answer = self._persona.answer(self._messages, AFTERNOON)
        heard = " ".join(answer.split()[:cut])
        if heard:
            self._messages.append(ChatMessage(Speaker.ASSISTANT, heard))
        return answer


def answer(text: str, *, seed: int = 0) -> str:
    return Conversation(seed).say(text)


def story() -> str:
    return answer("tell me a long story")


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ("Hello!", "ood afternoon!"),
        ("what time is it", "four oh five in the afternoon"),
        ("What's the time?", "four oh five in the afternoon"),
        ("what day is it today", "Tuesday, the third of November"),
        ("what will the weather be like in London tomorrow", "London"),
        ("whether in london", "London"),
        ("will it rain in new york", "New York"),
        ("what is the weather", "cannot see the sky"),
        ("what is the weather in the morning", "cannot see the sky"),
        ("repeat after me the quick brown fox", "The quick brown fox."),
        ("please repeat hello world", "Hello world."),
        ("count to five", "One, two, three, four, five."),
        ("count two three please", "One, two, three."),
        ("count from one to 4", "One, two, three, four."),
        ("count to two hundred", "a hundred is as far as I go"),
        ("count to", "count to ten"),
        ("tell me a story", "And that is the end of the story."),
        ("what can you do", "tell a long story"),
        ("play some music", "I can"),
        ("my name is ada", "Ada"),
        ("goodbye", "Goodbye"),
        ("mm-hm", "."),
        ("tell me a joke", "late"),
        ("thank you", "."),
        ("", "did not catch a word"),
    ],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_shipped_persona_has_an_answer_of_its_own(said: str, part: str, seed: int) -> None:
    given = answer(said, seed=seed)
    assert part in given
    assert not given.startswith(FALLBACKS)


def test_what_it_does_not_know_it_admits() -> None:
    assert answer("explain the offside rule to my grandmother").startswith(FALLBACKS)


def test_the_story_takes_more_than_a_minute_to_tell() -> None:
    # Even a brisk voice says fewer than 200 words a minute.
    assert len(story().split()) > 220


def test_answers_depend_on_the_seed_and_repeat_with_it() -> None:
    answers = {seed: answer("what do you think of cheese", seed=seed) for seed in range(10)}
    assert len(set(answers.values())) > 1
    assert answers == {seed: answer("what do you think of cheese", seed=seed) for seed in range(10)}


def test_an_answer_that_was_cut_short_goes_on_at_the_clause_that_was_cut() -> None:
    talk = Conversation()
    whole = talk.say("tell me a long story", cut=40)
    assert whole.split()[39] == "jars,"
    rest = talk.say("go on")
    assert rest.casefold().endswith("wrapped in wool," + whole.casefold().partition("wrapped in wool,")[2])
    assert "glass jars" not in rest


def test_it_goes_on_also_after_another_question_and_more_than_once() -> None:
    talk = Conversation()
    whole = talk.say("tell me a long story", cut=40)
    talk.say("wait", cut=2)
    assert "four oh five" in talk.say("what time is it")
    talk.say("go on", cut=60)
    rest = talk.say("please continue")
    assert whole.endswith(rest[-400:])
    assert len(rest.split()) < len(whole.split()) - 60
    assert talk.say("go on").startswith("I had already said it all")


def test_a_count_goes_on_from_the_number_that_was_heard() -> None:
    talk = Conversation()
    counted = talk.say("count to twenty")
    talk = Conversation()
    talk.say("count to twenty", cut=len(counted.split()) - 15)
    assert (
        talk.say("go on")
        .casefold()
        .endswith(
            "six, seven, eight, nine, ten, eleven, twelve, thirteen, fourteen, fifteen, sixteen, seventeen, eighteen,"
            " nineteen, twenty."
        )
    )


def test_an_answer_of_which_nothing_was_heard_begins_anew() -> None:
    talk = Conversation()
    whole = talk.say("tell me a long story", cut=0)
    assert talk.say("go on").endswith(whole)


def test_told_to_stop_it_says_where_it_stopped() -> None:
    talk = Conversation()
    talk.say("tell me a long story", cut=12)
    assert (
        talk.say("stop please") == "I stopped at: one. Stop me whenever you like. Say, go on, when you want the rest."
    )


def test_with_nothing_cut_short_there_is_nothing_to_go_on_with() -> None:
    talk = Conversation()
    talk.say("hello")
    assert talk.say("go on").startswith("I had already said it all")
    assert talk.say("stop") == "All right. I am listening."


def test_going_on_for_ever_ends() -> None:
    talk = Conversation()
    talk.say("tell me a long story", cut=0)
    answers = [talk.say("go on", cut=0) for _ in range(100)]
    assert all(answers)


@given(st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_whatever_is_said_has_an_answer(texts: list[str]) -> None:
    talk = Conversation()
    assert all(talk.say(text, cut=3).strip() for text in texts)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("What's  the TIME, please?", "whats the time please"),
        ("mm-hm", "mm hm"),
        ("Grüß Gott", "grüß gott"),
        ("it’s", "its"),
        ("...", ""),
    ],
)
def test_case_and_punctuation_do_not_count(text: str, plain: str) -> None:
    assert normalise(text) == plain


@pytest.mark.parametrize(
    ("heard", "rest"),
    [
        ("", "One two. Three, four five. Six."),
        ("One", "One two. Three, four five. Six."),
        ("One two.", "Three, four five. Six."),
        ("one two three", "four five. Six."),
        ("One two. Three, four", "four five. Six."),
        ("One two. Three, fo", "four five. Six."),
        ("One two. Three, four five. Six.", ""),
        ("Something else", ""),
        ("One two. Three, four five. Six. Seven", ""),
    ],
)
def test_the_remainder_begins_with_the_clause_that_was_cut(heard: str, rest: str) -> None:
    assert remainder("One two. Three, four five. Six.", heard) == rest


@given(st.lists(st.sampled_from(["ab", "cd,", "ef.", "-", "g-h"]), max_size=12), st.integers(0, 12))
def test_what_was_heard_and_the_remainder_cover_the_answer(words: list[str], heard: int) -> None:
    full = " ".join(words)
    rest = remainder(full, " ".join(words[:heard]))
    assert full.endswith(rest)
    assert len(words[:heard]) + len(rest.split()) >= len(words)


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ("", "missing required field `rule`"),
        ("rule = []", "length >= 1"),
        ("][", "TOML|Expected|Invalid"),
        ('[[rule]]\nmatch = ["a"]\nreply = []', "length >= 1"),
        ('[[rule]]\nmatch = ["a"]\nreply = ["b"]\nx = 1', "unknown field `x`"),
        ('[[rule]]\nmatch = ["a"]\nreply = ["{b}"]', "rule 1: nothing fills {b}; there is date, day, greeting"),
        ('[[rule]]\nmatch = ["(?P<b>a)"]\nreply = ["{b:loud}"]', "rule 1: {b:loud} is no form"),
    ],
)
def test_rules_that_mean_nothing_are_refused_by_number(toml: str, problem: str) -> None:
    with pytest.raises(PersonaError) as raised:
        Persona.parse(toml)
    assert any(part in str(raised.value) for part in problem.split("|"))


def test_a_rule_whose_placeholders_nothing_fills_is_passed_over() -> None:
    persona = Persona([Rule(["a|b(?P<c>c)"], ["{c}!"]), Rule([""], ["none"])])
    said = [persona.answer([ChatMessage(Speaker.USER, text)], AFTERNOON) for text in ("a", "bc")]
    assert said == ["none", "C!"]


def test_without_a_rule_that_matches_it_says_so() -> None:
    assert Persona([]).answer([], AFTERNOON) == "I have nothing to say to that."

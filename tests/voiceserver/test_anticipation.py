import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceserver import anticipation
from voiceserver.anticipation import Callers
from voiceserver.words import words_of

TEXTS = (
    "What can you do?",
    "tell me a story",
    "tell me a story about a dog",
    "Okay, count to ten, please.",
    " ",
    "...",
)


def completed(said: str, locale: str = "en", named: tuple[str, ...] = TEXTS) -> str | None:
    return Callers(named).speaking(locale).completed(words_of(said))


def called(*texts: str, after: int = 2, named: tuple[str, ...] = ()) -> Callers:
    """Each of the texts was said by another caller."""
    callers = Callers(named, after=after)
    for text in texts:
        callers.speaking().was_said(text)
    return callers


# --- what was named


def test_a_text_is_completed_as_it_is_written_where_only_one_text_can_follow() -> None:
    assert completed("what can") == "What can you do?"
    assert completed("tell me a story about") == "tell me a story about a dog"


@pytest.mark.parametrize("said", ["", "tell me a", "tell me a story", "what could", "what can you do", "what can i"])
def test_it_is_not_where_several_can_or_none(said: str) -> None:
    assert completed(said) is None


@pytest.mark.parametrize(("said", "is_enough"), [("what", False), ("count", False), ("count to", True)])
def test_it_is_not_before_half_of_it_was_said(said: str, is_enough: bool) -> None:
    assert (completed(said) is not None) == is_enough


def test_what_a_sentence_may_begin_with_stays_before_it_as_it_was_said() -> None:
    assert completed("okay please what can") == "okay please What can you do?"
    assert completed("count to") == "count to ten, please."
    assert completed("so count to") == "so count to ten, please."
    assert completed("okay what can", "de") is None
    assert completed("okay count to", "de") == "Okay, count to ten, please."


def test_without_texts_nothing_is_anticipated() -> None:
    assert completed("what can", named=()) is None
    assert not Callers().speaking().is_whole(("what",))
    assert not Callers().speaking().is_whole(())


def test_what_is_named_is_whole_unless_more_of_it_is_named_too() -> None:
    caller = Callers(TEXTS).speaking()
    wholes = ("what can you do", "okay so what can you do", "tell me a story about a dog", "count to ten please")
    assert all(caller.is_whole(words_of(said)) for said in wholes)
    assert not any(
        caller.is_whole(words_of(said)) for said in ("what can you", "tell me a story", "what can you do now")
    )


def test_a_word_that_more_follows_is_never_whole() -> None:
    caller = Callers(("no", "okay", "hello", "stop")).speaking()
    assert [caller.is_whole((word,)) for word in ("no", "okay", "hello", "stop")] == [False, False, False, True]
    assert Callers(("so",)).speaking("de").is_whole(("so",))


# --- what callers say


def test_what_enough_callers_have_said_is_anticipated() -> None:
    assert called("where is it").speaking().completed(("where", "is")) is None
    assert called("where is it", "Where is it?").speaking().completed(("where", "is")) == "Where is it?"
    assert called("um where is it", "so where is it").speaking().is_whole(("where", "is", "it"))
    assert called("where is it", "where is it", "where is it", after=4).speaking().completed(("where", "is")) is None


def test_who_says_it_again_is_no_other_caller() -> None:
    callers = Callers(after=2)
    caller = callers.speaking()
    for _ in range(3):
        caller.was_said("where is it")
    assert not callers.speaking().is_whole(("where", "is", "it"))
    caller.was_said("where was it")
    callers.speaking().was_said("where was it")
    assert callers.speaking().is_whole(("where", "was", "it"))


def test_who_comes_back_is_no_other_caller() -> None:
    callers = called("where is it")
    callers.speaking(said=["Where is it?"]).was_said("where is it")
    assert not is_whole(callers, "where is it")
    callers.speaking(said=["Where was it?"]).was_said("where is it")
    assert is_whole(callers, "where is it")


def test_who_goes_on_after_what_callers_say_makes_it_less_likely_to_be_all() -> None:
    callers = called("play the music", "play the music")
    assert is_whole(callers, "play the music")
    for rest in ("louder", "word " * 30):
        callers.speaking().was_said(f"play the music {rest}")
    assert not is_whole(callers, "play the music")


def test_what_sounds_as_if_callers_were_cut_off_is_not_all_unless_it_is_named() -> None:
    callers = called("my number is", "my number is")
    assert not is_whole(callers, "my number is")
    assert callers.speaking().completed(("my", "number")) == "my number is"
    assert is_whole(called(named=("my number is",)), "my number is")


def test_a_language_model_is_asked_as_somebody_asked_it() -> None:
    said = ("what", "is", "15", "+")
    assert called("What is 15 + 27?", "So, what is 15 + 27!").speaking().completed(said) == "what is 15 + 27!"
    assert called("What is 15 + 27?", "What is, er, 15 + 27?").speaking().completed(said) == "What is 15 + 27?"
    assert called("What is, um, 15 + 27?", "What is, er, 15 + 27?").speaking().completed(said) is None
    callers = called("What is 15 + 27?", "What is 15 - 27?")
    assert callers.speaking().completed(said) is None
    assert not is_whole(callers, "what is 15 + 27")


def test_more_than_half_of_those_who_began_so_must_have_said_it() -> None:
    here, there = ["where is it"] * 3, ["where is the door"] * 3
    assert called(*here, *there).speaking().completed(("where", "is")) is None
    assert called(*here, *there[:2]).speaking().completed(("where", "is")) == "where is it"
    assert called(*here, *there).speaking().completed(("where", "is", "the")) == "where is the door"


def test_what_most_callers_go_on_after_is_not_whole() -> None:
    short, long = ["where is it"] * 2, ["where is it now"] * 2
    said = ("where", "is", "it")
    assert called(*short).speaking().is_whole(said)
    assert not called(*short, *long).speaking().is_whole(said)
    assert called(*short, *long[:1]).speaking().is_whole(said)
    assert called(*short, *long, *long).speaking().completed(said) == "where is it now"


def test_what_is_named_counts_as_if_it_had_just_become_likely() -> None:
    named = ("Where is it?",)
    assert called(named=named).speaking().completed(("where", "is")) == "Where is it?"
    assert called(*["where is he"] * 3, named=named, after=3).speaking().completed(("where", "is")) is None
    assert called(*["where is he"] * 4, named=named, after=3).speaking().completed(("where", "is")) == "where is he"
    assert called(*["where is it"] * 4, "where is he", named=named).speaking().completed(("where", "is")) == named[0]


def test_nothing_is_learned_where_nobody_asked_for_it() -> None:
    assert not called("where is it", "where is it", after=0).speaking().is_whole(("where", "is", "it"))


def test_each_language_is_learned_by_itself() -> None:
    callers = Callers(after=1)
    callers.speaking("en-US").was_said("where is it")
    assert callers.speaking("en-GB").is_whole(("where", "is", "it"))
    assert not callers.speaking("de-DE").is_whole(("where", "is", "it"))


def test_what_was_not_said_for_longest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anticipation, "MOST_TEXTS", 2)
    callers = called("red green blue", "blue white pink", "red green blue", "pink grey black", after=1)
    known = [text for text in ("red green blue", "blue white pink", "pink grey black") if is_whole(callers, text)]
    assert known == ["red green blue", "pink grey black"]
    callers = called("red green blue", "red green white", "red green pink", after=1)
    assert callers.speaking().completed(("red", "green")) is None
    callers.speaking().was_said("grey black")
    callers.speaking().was_said("grey brown")
    callers.speaking().was_said("red green pink")
    assert callers.speaking().completed(("red", "green")) == "red green pink"


def test_what_was_named_is_never_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anticipation, "MOST_TEXTS", 1)
    callers = called("red green blue", "blue white pink", named=("red green blue",), after=1)
    assert is_whole(callers, "red green blue")


def test_a_long_story_is_never_likely() -> None:
    long, longer = (called("word " * count, after=1) for count in (20, 21))
    assert is_whole(long, "word " * 20)
    assert long.speaking().completed(("word",) * 19) is not None
    assert longer.speaking().completed(("word",) * 19) is None
    assert [is_whole(longer, "word " * count) for count in (20, 21, 22)] == [False, False, False]


def test_the_languages_of_the_last_callers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anticipation, "MOST_LANGUAGES", 2)
    callers = called("where is it", after=1)
    callers.speaking("de")
    assert is_whole(callers, "where is it")
    callers.speaking("fr")
    assert is_whole(callers, "where is it")
    for locale in ("nl", "it"):
        callers.speaking(locale)
    assert not is_whole(callers, "where is it")


def test_what_is_forgotten_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anticipation, "MOST_TEXTS", 1)
    texts = called("red green blue", "Blue white pink.", after=1)._by_language["en"]
    assert list(texts._root.following) == ["blue"]
    assert list(texts._written.values()) == ["Blue white pink."]


def is_whole(callers: Callers, text: str) -> bool:
    return callers.speaking().is_whole(words_of(text))


def test_one_caller_teaches_only_so_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anticipation, "MOST_TEXTS", 2)
    callers = Callers(after=1)
    caller = callers.speaking()
    for text in ("red green", "", "red green", "green blue", "blue white"):
        caller.was_said(text)
    assert [is_whole(callers, text) for text in ("red green", "green blue", "blue white")] == [True, True, False]


@given(
    st.lists(st.lists(st.sampled_from(("red", "blue", "pink")), min_size=1, max_size=4).map(" ".join), max_size=30),
    st.integers(1, 3),
)
def test_it_is_what_counting_all_callers_says(texts: list[str], after: int) -> None:
    caller = called(*texts, after=after).speaking()
    for said in {" ".join(text.split()[:n]) for text in texts for n in range(1, 5)}:
        began_so = [text for text in texts if f"{text} ".startswith(f"{said} ")]
        most = max(began_so, key=began_so.count, default="")
        is_likely = began_so.count(most) >= after and 2 * began_so.count(most) > len(began_so)
        words = words_of(said)
        is_half_said = 2 * len(words) >= len(words_of(most))
        assert caller.is_whole(words) == (is_likely and most == said)
        assert caller.completed(words) == (most if is_likely and most != said and is_half_said else None)

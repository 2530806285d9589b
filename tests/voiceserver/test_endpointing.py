import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceserver.endpointing import FORGOTTEN_AFTER, LARGEST_FACTOR, Endpointing, EndpointingSettings
from voicewire.clock import NS_PER_MS

ADAPTIVE = EndpointingSettings(silence_ns=600 * NS_PER_MS, is_adaptive=True)
COMPLETE, STATED, UNKNOWN, OPEN = "what time is it", "i lost my card", "good morning", "what is the"


def waited_ms(endpointing: Endpointing, text: str, finished: float | None = None) -> float:
    return endpointing.silence_ns(text, finished) / NS_PER_MS


def test_a_fixed_silence_is_the_same_after_all_words_and_all_mistakes() -> None:
    endpointing = Endpointing(EndpointingSettings(silence_ns=800 * NS_PER_MS))
    endpointing.cut_off()
    assert {
        waited_ms(endpointing, text, finished) for text in (COMPLETE, UNKNOWN, OPEN) for finished in (None, 0.9)
    } == {800}


def test_what_sounds_complete_ends_sooner_and_what_does_not_later() -> None:
    endpointing = Endpointing(ADAPTIVE)
    assert [waited_ms(endpointing, text) for text in (COMPLETE, STATED, UNKNOWN, OPEN)] == [300, 600, 600, 1200]


def test_what_callers_say_and_no_more_ends_as_soon_as_what_sounds_complete() -> None:
    endpointing = Endpointing(ADAPTIVE, "de-DE")
    assert {endpointing.silence_ns(text, is_whole=True) / NS_PER_MS for text in (COMPLETE, UNKNOWN, OPEN)} == {300}
    assert endpointing.silence_ns(OPEN, 0.1, is_whole=True) / NS_PER_MS == 600


def test_another_languages_words_are_not_judged() -> None:
    assert waited_ms(Endpointing(ADAPTIVE, "de-DE"), COMPLETE) == 600


@pytest.mark.parametrize(
    ("text", "finished", "expected_ms"),
    [
        (UNKNOWN, 0.9, 300),
        (UNKNOWN, 0.1, 1200),
        (UNKNOWN, 0.35, 600),
        (STATED, 0.9, 300),
        (STATED, 0.1, 1200),
        (OPEN, 0.9, 600),
        (COMPLETE, 0.05, 600),
        (COMPLETE, 0.9, 300),
    ],
)
def test_a_model_of_the_end_of_turns_moves_it_by_one_step(text: str, finished: float, expected_ms: int) -> None:
    assert waited_ms(Endpointing(ADAPTIVE), text, finished) == expected_ms


def test_after_a_turn_that_was_cut_off_silences_are_longer_until_it_is_made_up_for() -> None:
    endpointing = Endpointing(ADAPTIVE)
    endpointing.cut_off()
    assert waited_ms(endpointing, COMPLETE) == 375
    for _ in range(FORGOTTEN_AFTER):
        assert waited_ms(endpointing, COMPLETE) == 375
        endpointing.ended_well()
    assert waited_ms(endpointing, COMPLETE) == 300


@given(st.lists(st.booleans(), max_size=100))
def test_no_history_makes_it_shorter_than_at_first_or_longer_than_the_bound(history: list[bool]) -> None:
    endpointing = Endpointing(ADAPTIVE)
    for well in history:
        endpointing.ended_well() if well else endpointing.cut_off()
        assert 300 <= waited_ms(endpointing, COMPLETE) <= 300 * LARGEST_FACTOR

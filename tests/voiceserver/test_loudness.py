import pytest

from voiceserver.loudness import FAINT_DB, Loudness

RATE = 16_000


def sound(amplitude: int, length_ms: int = 300) -> bytes:
    return (amplitude.to_bytes(2, "little", signed=True) + (-amplitude).to_bytes(2, "little", signed=True)) * (
        RATE * length_ms // 2000
    )


def after_a_turn(amplitude: int) -> Loudness:
    loudness = Loudness(RATE)
    loudness.turn_opened()
    loudness.segment_opened()
    loudness.feed(sound(amplitude))
    loudness.turn_committed()
    return loudness


def heard(loudness: Loudness, *pieces: bytes) -> bool:
    loudness.turn_opened()
    loudness.segment_opened()
    for piece in pieces:
        loudness.feed(piece)
    return loudness.is_faint


def test_before_the_user_was_heard_nothing_is_faint() -> None:
    assert not heard(Loudness(RATE), sound(1))


@pytest.mark.parametrize(("below_db", "is_faint"), [(FAINT_DB - 1, False), (FAINT_DB + 1, True)])
def test_what_is_much_fainter_than_the_user_is(below_db: float, is_faint: bool) -> None:
    assert heard(after_a_turn(10_000), sound(round(10_000 * 10 ** (-below_db / 20)))) is is_faint


def test_one_loud_piece_is_enough_wherever_it_lies() -> None:
    for before_ms in (0, 30, 70, 130):
        assert not heard(after_a_turn(10_000), sound(100, before_ms), sound(10_000, 150), sound(100))


def test_how_the_audio_is_cut_does_not_matter() -> None:
    whole = sound(100) + sound(5000, 140)
    cut = [whole[at : at + 640] for at in range(0, len(whole), 640)]
    assert heard(after_a_turn(10_000), whole) is heard(after_a_turn(10_000), *cut) is False


def test_a_turn_that_was_not_committed_says_nothing_of_the_user() -> None:
    loudness = after_a_turn(10_000)
    heard(loudness, sound(100))
    assert heard(loudness, sound(500))


def test_the_user_may_grow_quieter_from_turn_to_turn() -> None:
    loudness = after_a_turn(10_000)
    for amplitude in (2500, 1200, 1200, 1200, 1200):
        heard(loudness, sound(amplitude))
        loudness.turn_committed()
    assert not heard(loudness, sound(600))

"""The echo guards, and the promise that they are for: the answer does not interrupt itself, and the user still can."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.livingroom import Room, Samples, frames, interruption, silero, speak, through
from voiceaudio.level import rms_dbfs
from voiceaudio.pcm import samples_of, silence
from voiceaudio.resample import Resampler
from voicecli.fixtures import wavfile
from voicecli.sound import echo
from voicecli.sound.echo import (
    EchoCanceller,
    EchoGuard,
    EchoMode,
    FarEnd,
    HalfDuplexGate,
    NoGuard,
    echo_guard,
)
from voicecli.sound.errors import SoundError
from voicecli.sound.roles import FRAME_SAMPLES, RATE
from voiceserver.engines.silero import SileroVad
from voicewire.clock import NS_PER_MS

FIXTURES = Path(__file__).parents[3] / "fixtures"
FRAME_MS = 20
LOUD = np.full(FRAME_SAMPLES, 3000, np.int16).tobytes()
QUIET = silence(FRAME_SAMPLES)
NEAR = np.full(FRAME_SAMPLES, 1, np.int16).tobytes()
"""A frame of the microphone that is not muted."""

needs_canceller = pytest.mark.skipif(
    importlib.util.find_spec("pywebrtc_audio") is None, reason="needs pywebrtc-audio: pip install 'voicecli[aec]'"
)

ANSWERS = (
    "Once upon a time there was a miller who had three sons. When he died he left them nothing but his mill, his "
    "donkey and his cat, and the youngest, who got the cat, thought that he would surely starve.",
    "First of all you will need two hundred grams of flour, a pinch of salt and three eggs. Stir the flour and the "
    "eggs slowly, add the milk little by little, and let it rest for half an hour before you bake it.",
    "Three. Two. One. We have lift off. The rocket has cleared the tower, all engines are running well, and the crew "
    "tells us that the view of the coast is beautiful. In eight minutes they will be in orbit.",
    "Tomorrow will be cloudy in the north with rain by the evening. In the south it stays dry and warm until Friday, "
    "when a front from the Atlantic brings storms, and temperatures fall by ten degrees.",
    "Photosynthesis is how plants make sugar from water, air and light. It happens in small green bodies inside their "
    "cells, and almost everything that lives on this planet is fed by it in the end.",
    "Yes, of course. You have two meetings in the morning, one at nine with Susan and one at half past ten with the "
    "whole team. After lunch you are free until four, and then there is the call with Boston.",
    "Seven ships sailed home across the grey sea while the old captain slept. Nobody was there to greet them, for the "
    "harbour had been closed since spring, and the lamps along the quay were dark.",
    "Take the second street on the left, go straight on as far as the church, and then turn right. The station is "
    "behind the market, about ten minutes on foot, and trains for the airport leave every quarter of an hour.",
    "That is a good question, and people have argued about it for more than two thousand years. Some say that we are "
    "free to choose, others that every choice has a cause, and a third party that both are true.",
    "Ten, twenty, thirty, forty, fifty, sixty, seventy, eighty, ninety, one hundred. Stop me when it is enough. One "
    "hundred and ten, one hundred and twenty, one hundred and thirty, one hundred and forty.",
)
ROOMS = tuple(Room(delay_ms=40 + 80 * number / 9, seed=number) for number in range(len(ANSWERS)))


@pytest.fixture(scope="module")
def answers() -> list[Samples]:
    return speak(ANSWERS)


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return silero()


@pytest.fixture(scope="module")
def question() -> Samples:
    """A person who says "what will the weather be like in London tomorrow", from its first sample on."""
    samples, rate = wavfile.read(FIXTURES / "question-weather" / "audio.wav")
    return samples_of(Resampler(rate, RATE).resample(samples.tobytes()))[RATE * 4 // 10 :]


# --- the promise


@needs_canceller
def test_ten_long_answers_do_not_interrupt_themselves_when_their_echo_is_cancelled(
    answers: list[Samples], vad: SileroVad
) -> None:
    assert min(len(answer) / RATE for answer in answers) > 8
    servers = [interruption(EchoCanceller(), vad, *each) for each in zip(answers, ROOMS, strict=True)]
    assert [server.interrupted_ms for server in servers] == [None] * 10


@needs_canceller
def test_ten_answers_in_one_conversation_do_not_interrupt_themselves(answers: list[Samples], vad: SileroVad) -> None:
    pause = np.zeros(RATE // 2, np.int16)
    conversation = np.concatenate([piece for answer in answers for piece in (answer, pause)])
    assert interruption(EchoCanceller(), vad, conversation, Room(drift_ppm=100)).interrupted_ms is None


def test_every_answer_interrupts_itself_without_protection(answers: list[Samples], vad: SileroVad) -> None:
    servers = [interruption(NoGuard(headphones=False), vad, *each) for each in zip(answers, ROOMS, strict=True)]
    assert [server.interrupted_ms is not None for server in servers] == [True] * 10


def test_no_answer_interrupts_itself_through_the_gate(answers: list[Samples], vad: SileroVad) -> None:
    servers = [
        interruption(HalfDuplexGate(latency_ns=120 * NS_PER_MS), vad, *each)
        for each in zip(answers, ROOMS, strict=True)
    ]
    assert [server.interrupted_ms for server in servers] == [None] * 10


@needs_canceller
def test_the_user_interrupts_each_answer_whose_echo_is_cancelled(
    answers: list[Samples], vad: SileroVad, question: Samples
) -> None:
    servers = [
        interruption(EchoCanceller(), vad, *each, question, user_ms=4000) for each in zip(answers, ROOMS, strict=True)
    ]
    after_ms = sorted(server.interrupted_ms - 4000 for server in servers if server.interrupted_ms is not None)
    assert len(after_ms) == 10
    assert after_ms[0] > 200
    assert median(after_ms) < 700
    assert after_ms[-1] < len(question) * 1000 / RATE


# --- the canceller


@needs_canceller
@pytest.mark.parametrize(
    ("room", "least_db"),
    [
        (Room(delay_ms=0), 15),
        (Room(delay_ms=120), 15),
        (Room(delay_ms=450), 15),
        (Room(drift_ppm=100), 15),
        (Room(drift_ppm=-100), 15),
        (Room(overdrive=3), 10),
    ],
)
def test_the_echo_is_taken_out(answers: list[Samples], room: Room, least_db: float) -> None:
    played = np.concatenate(answers[:2])
    captured = room.echo(played) + room.noise(len(played))
    clean = through(EchoCanceller(), played, captured, room)
    learnt = slice(3 * RATE, len(clean))
    before = rms_dbfs(captured.astype(np.int16)[learnt].tobytes())
    assert before - rms_dbfs(clean[learnt].tobytes()) > least_db


@needs_canceller
def test_the_user_is_let_through_where_nothing_is_played(question: Samples) -> None:
    clean = through(EchoCanceller(), np.zeros_like(question), question.astype(np.float64), Room())
    assert rms_dbfs(clean.tobytes()) == pytest.approx(rms_dbfs(question.tobytes()), abs=1.5)


@needs_canceller
def test_a_hole_in_the_microphones_audio_does_not_bring_the_echo_back(answers: list[Samples]) -> None:
    room, answer, guard = Room(), answers[0], EchoCanceller()
    lost, pending, cleaned, heard = 3 * FRAME_SAMPLES, b"", [], []
    for number, (pcm, far) in enumerate(frames(answer, room.echo(answer))):
        if number in (200, 201, 202):
            pending += far
            continue
        clean = guard.hear(pcm, pending + far, lost if number == 203 else 0)
        pending = b""
        if number >= 230:
            cleaned.append(clean)
            heard.append(pcm)
    assert guard.far.realignments == 0
    assert rms_dbfs(b"".join(heard)) - rms_dbfs(b"".join(cleaned)) > 15


@needs_canceller
def test_after_a_long_hole_everything_is_learnt_anew(answers: list[Samples]) -> None:
    answer, guard = answers[0], EchoCanceller()
    for number, (pcm, far) in enumerate(frames(answer, Room().echo(answer))):
        clean = guard.hear(pcm, far, RATE if number == 200 else 0)
        if number == 199:
            learnt_db = rms_dbfs(pcm) - rms_dbfs(clean)
        if number == 203:
            assert rms_dbfs(pcm) - rms_dbfs(clean) < learnt_db - 10
            break


@needs_canceller
def test_frames_keep_their_length() -> None:
    assert len(EchoCanceller().hear(NEAR, LOUD)) == len(NEAR)


def test_without_the_library_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pywebrtc_audio", None)
    with pytest.raises(SoundError, match=r"pip install 'voicecli\[aec\]'"):
        EchoCanceller()


# --- what the canceller leaves


def canceller_that_leaves(monkeypatch: pytest.MonkeyPatch, left: Callable[[Samples], Samples]) -> EchoCanceller:
    monkeypatch.setattr(echo, "_load", lambda: (lambda near, far: left(near), lambda: None))
    return EchoCanceller()


def heard(guard: EchoGuard, pcm: bytes, far: bytes, frames: int) -> str:
    """A letter for each frame: m was muted, . was heard."""
    return "".join("m" if not any(guard.hear(pcm, far)) else "." for _ in range(frames))


def test_a_residue_well_below_the_echo_is_muted_while_there_is_an_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = canceller_that_leaves(monkeypatch, lambda near: (near * 0.39).astype(np.int16))  # 8.2 dB
    assert heard(guard, LOUD, LOUD, 50) == "m" * 50
    assert guard.is_muting
    assert heard(guard, LOUD, QUIET, 30) == "m" * 24 + "." * 6


def test_what_is_not_much_below_the_echo_is_the_user_from_the_second_frame_on(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = canceller_that_leaves(monkeypatch, lambda near: (near * 0.41).astype(np.int16))  # 7.7 dB
    assert heard(guard, LOUD, LOUD, 20) == "m" + "." * 19
    assert not guard.is_muting


def test_pauses_between_the_users_words_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = canceller_that_leaves(monkeypatch, lambda near: near)
    assert heard(guard, LOUD, LOUD, 10) == "m" + "." * 9
    assert heard(guard, NEAR, LOUD, 20) == "." * 14 + "m" * 6


def test_where_nothing_is_played_nothing_is_muted(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = canceller_that_leaves(monkeypatch, lambda near: near)
    assert heard(guard, LOUD, QUIET, 3) + heard(guard, NEAR, QUIET, 3) == "......"


def test_whoever_interrupts_by_key_is_heard_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = canceller_that_leaves(monkeypatch, lambda near: (near * 0.1).astype(np.int16))
    assert heard(guard, LOUD, LOUD, 3) == "mmm"
    guard.interrupted()
    assert heard(guard, LOUD, QUIET, 3) == "..."


# --- the far end


def ramp(start: int, samples: int) -> bytes:
    return (np.arange(start, start + samples) % 32768).astype(np.int16).tobytes()


def test_what_was_played_comes_out_in_step() -> None:
    far = FarEnd()
    far.played(ramp(0, 1000))
    assert far.take(960).tobytes() == ramp(40, 960)  # the newest: the speaker may have run long before
    far.played(ramp(1000, 2000))
    assert far.take(960).tobytes() == ramp(1000, 960)
    assert far.take(960).tobytes() == ramp(1960, 960)


def test_silence_stands_for_what_was_not_played_yet() -> None:
    far = FarEnd()
    far.played(ramp(1, 960))
    far.take(960)
    far.played(ramp(961, 100))
    assert far.take(960).tobytes() == ramp(961, 100) + silence(860)
    assert far.missing_samples == 860


def test_at_most_two_seconds_are_held_the_newest() -> None:
    far = FarEnd()
    far.played(LOUD)
    far.take(FRAME_SAMPLES)
    for _ in range(5):
        far.played(ramp(0, RATE))
    assert far.samples == 2 * RATE
    assert far.realignments == 3


def test_a_lasting_excess_is_dropped_once_and_a_passing_one_never() -> None:
    far = FarEnd()
    far.played(LOUD)
    for _ in range(20):
        far.played(LOUD)
        far.take(FRAME_SAMPLES)
    far.played(LOUD * 10)  # a stall of the loop: the microphone's frames of that time follow
    for _ in range(10):
        far.take(FRAME_SAMPLES)
    for _ in range(100):
        far.played(LOUD)
        far.take(FRAME_SAMPLES)
    assert far.realignments == 0
    far.played(LOUD * 10)
    for _ in range(100):
        far.played(LOUD)
        far.take(FRAME_SAMPLES)
    assert far.realignments == 1
    assert far.samples < FarEnd.LIMIT_SAMPLES


@given(ppm=st.integers(-500, 500), block=st.sampled_from([128, 441, 480, 512, 960, 1024]), phase=st.integers(0, 959))
def test_clocks_that_differ_stay_in_step_without_a_jump(ppm: int, block: int, phase: int) -> None:
    far, given_samples = FarEnd(), 0
    for number in range(1500):
        due = int((number * FRAME_SAMPLES + phase) * (1 + ppm * 1e-6)) // block * block
        far.played(bytes(2 * (due - given_samples)))
        given_samples = due
        far.take(FRAME_SAMPLES)
        assert far.samples <= FarEnd.MOST_SAMPLES + 2 * max(block, FRAME_SAMPLES)
    assert far.realignments == 0
    assert far.missing_samples <= 2 * max(block, FRAME_SAMPLES)  # until there is enough to spare, and never after


@pytest.mark.parametrize("ppm", [-900, 900])
def test_a_drift_that_lasts_is_made_up_for(ppm: int) -> None:
    far, given_samples = FarEnd(), 0
    for number in range(9000):  # three minutes
        due = int(number * FRAME_SAMPLES * (1 + ppm * 1e-6))
        far.played(bytes(2 * (due - given_samples)))
        given_samples = due
        far.take(FRAME_SAMPLES)
    assert far.realignments == 0
    assert far.samples < FarEnd.MOST_SAMPLES + 2 * FarEnd.WINDOW_FRAMES
    assert far.missing_samples <= FRAME_SAMPLES + FarEnd.WINDOW_FRAMES  # before it was known


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 3000)), max_size=60))
def test_any_pieces_give_as_much_as_was_asked_for(pieces: list[tuple[int, int]]) -> None:
    far = FarEnd()
    for played, taken in pieces:
        far.played(bytes(2 * played))
        assert len(far.take(taken)) == taken
        assert far.samples <= FarEnd.HELD_SAMPLES


# --- the gate


def muted(gate: HalfDuplexGate, played: list[bytes]) -> str:
    """A letter for each frame: m was muted, . was heard."""
    heard = [gate.hear(NEAR, each) for each in played]
    assert all(each in (NEAR, QUIET) for each in heard)
    return "".join("." if each == NEAR else "m" for each in heard)


def test_the_gate_mutes_while_sound_is_played_and_for_latency_and_tail_after_it() -> None:
    gate = HalfDuplexGate(latency_ns=60 * NS_PER_MS)
    assert muted(gate, [QUIET] * 2 + [LOUD] * 5 + [QUIET] * 20) == ".." + "m" * 5 + "m" * 16 + "." * 4
    assert not gate.is_muting


def test_what_is_too_quiet_to_be_heard_mutes_nothing() -> None:
    assert muted(HalfDuplexGate(latency_ns=0), [np.full(960, 32, np.int16).tobytes()] * 3) == "..."


def test_an_interruption_opens_the_gate_as_soon_as_the_device_is_silent() -> None:
    gate = HalfDuplexGate(latency_ns=60 * NS_PER_MS)
    assert muted(gate, [LOUD] * 5) == "mmmmm"
    gate.interrupted()
    assert muted(gate, [LOUD] + [QUIET] * 6) == "mmmm..."  # one block still fades out


def test_the_next_answer_shuts_the_gate_again() -> None:
    gate = HalfDuplexGate(latency_ns=0)
    muted(gate, [LOUD] * 5)
    gate.interrupted()
    assert muted(gate, [QUIET] * 10 + [LOUD] + [QUIET] * 15) == "." * 10 + "m" * 14 + ".."


def test_lost_audio_counts_as_time() -> None:
    gate = HalfDuplexGate(latency_ns=0)
    gate.hear(NEAR, LOUD)
    assert gate.hear(NEAR, QUIET, lost_samples=RATE) == NEAR


# --- the choice


@pytest.mark.parametrize(
    ("mode", "headphones", "is_installed", "expected"),
    [
        (EchoMode.AUTO, False, True, EchoMode.CANCEL),
        (EchoMode.AUTO, False, False, EchoMode.GATE),
        (EchoMode.AUTO, True, True, EchoMode.NONE),
        (EchoMode.AUTO, True, False, EchoMode.NONE),
        (EchoMode.CANCEL, True, True, EchoMode.CANCEL),
        (EchoMode.GATE, False, True, EchoMode.GATE),
        (EchoMode.GATE, True, True, EchoMode.GATE),
        (EchoMode.NONE, False, True, EchoMode.NONE),
    ],
)
def test_what_is_asked_for_is_taken_and_auto_takes_the_best_there_is(
    monkeypatch: pytest.MonkeyPatch, mode: EchoMode, headphones: bool, is_installed: bool, expected: EchoMode
) -> None:
    def load() -> tuple[Callable[[Samples, Samples], Samples], Callable[[], None]]:
        return lambda near, far: near, lambda: None

    monkeypatch.setattr(echo, "canceller_is_installed", lambda: is_installed)
    monkeypatch.setattr(echo, "_load", load)
    guard: EchoGuard = echo_guard(mode, headphones=headphones, latency_ns=0)
    assert guard.kind is expected
    assert guard.note.endswith(".")


def test_no_protection_passes_everything_and_says_what_that_means() -> None:
    assert NoGuard(headphones=True).hear(NEAR, LOUD) == NEAR
    assert "may interrupt itself" in NoGuard(headphones=False).note

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.voiceaudio.signals import Samples, noise, tone
from voiceaudio.pcm import samples_of
from voiceserver.ear import Ear, EarEvent, EarSettings, NoiseGate, SpeechClosed, SpeechContinued, SpeechOpened

RATE = 16_000
FRAME = 160
FRAME_MS = 10
EXACT = EarSettings(min_speech_ms=60, hangover_ms=200, pre_roll_ms=300, is_gated=False)


class ScriptedDetector:
    """Tells the probabilities of its script, then 0."""

    def __init__(self, script: Iterable[float] = ()) -> None:
        self.script = list(script)
        self.heard: list[bytes] = []
        self.resets = 0

    def probability(self, frame: bytes) -> float:
        self.heard.append(frame)
        return self.script[len(self.heard) - 1] if len(self.heard) <= len(self.script) else 0.0

    def reset(self) -> None:
        self.resets += 1


class LoudnessDetector:
    """Speech is what is loud."""

    def __init__(self) -> None:
        self.frames = 0

    def probability(self, frame: bytes) -> float:
        self.frames += 1
        return float(np.abs(samples_of(frame).astype(int)).max() > 1_000)

    def reset(self) -> None:
        pass


def numbered(samples: int) -> bytes:
    """Audio in which each sample is known by its value."""
    return (np.arange(samples) % 30_000).astype("<i2").tobytes()


def ear(script: Iterable[float], settings: EarSettings = EXACT) -> Ear:
    return Ear(ScriptedDetector(script), sample_rate=RATE, frame_samples=FRAME, settings=settings)


def speech(*spans: tuple[int, float]) -> list[float]:
    """Probabilities for spans of (milliseconds, probability)."""
    return [probability for length_ms, probability in spans for _ in range(length_ms // FRAME_MS)]


def outline(events: list[EarEvent]) -> list[tuple[str, float]]:
    """What opened and closed, and where, in ms."""
    told: list[tuple[str, float]] = []
    for event in events:
        if isinstance(event, SpeechOpened):
            told.append(("opened", event.start_sample / 16))
        if isinstance(event, SpeechClosed):
            told.append(("closed", event.last_speech_sample / 16))
    return told


def heard(script: list[float], settings: EarSettings = EXACT, more_ms: int = 500) -> list[tuple[str, float]]:
    listener = ear(script, settings)
    return outline(listener.hear(numbered((len(script) + more_ms // FRAME_MS) * FRAME)))


def segments(events: list[EarEvent]) -> list[tuple[int, bytes]]:
    """Where the audio of each segment begins, and all of it."""
    found: list[tuple[int, bytes]] = []
    for event in events:
        if isinstance(event, SpeechOpened):
            found.append((event.audio_start_sample, event.audio))
        else:
            found[-1] = (found[-1][0], found[-1][1] + event.audio)
    return found


# --- the VAD's judgement


def test_a_segment_opens_at_its_first_speech_and_closes_dated_back_to_its_last() -> None:
    assert heard(speech((400, 0), (600, 1))) == [("opened", 400), ("closed", 1000)]


def test_speech_of_the_minimum_opens_and_shorter_speech_does_not() -> None:
    assert heard(speech((400, 0), (60, 1))) == [("opened", 400), ("closed", 460)]
    assert heard(speech((400, 0), (50, 1))) == []


def test_a_pause_shorter_than_the_hangover_does_not_split() -> None:
    assert heard(speech((100, 1), (190, 0), (100, 1))) == [("opened", 0), ("closed", 390)]
    assert heard(speech((100, 1), (200, 0), (100, 1))) == [
        ("opened", 0),
        ("closed", 100),
        ("opened", 300),
        ("closed", 400),
    ]


def test_speech_begins_at_the_start_threshold_and_lasts_to_the_end_threshold() -> None:
    assert heard(speech((200, 0.49))) == []
    assert heard(speech((100, 0.5), (100, 0.35), (100, 0.34))) == [("opened", 0), ("closed", 200)]


def test_below_the_end_threshold_only_the_start_threshold_resumes() -> None:
    assert heard(speech((100, 1), (50, 0), (100, 0.4))) == [("opened", 0), ("closed", 100)]
    assert heard(speech((100, 1), (50, 0), (100, 0.5))) == [("opened", 0), ("closed", 250)]


def test_an_open_segment_knows_its_last_speech() -> None:
    listener = ear(speech((100, 1), (50, 0)))
    seen: list[int | None] = []
    for _ in range(4):
        listener.hear(numbered(5 * FRAME))
        seen.append(listener.last_speech_sample)
    assert seen == [None, 1600, 1600, 1600]
    listener.hear(numbered(30 * FRAME))
    assert listener.last_speech_sample is None


# --- the audio handed out


def test_the_events_carry_pre_roll_speech_and_hangover_and_nothing_else() -> None:
    listener = ear(speech((1000, 0), (100, 1)))
    audio = numbered(300 * FRAME)
    opened, *continued, closed = listener.hear(audio)
    assert opened == SpeechOpened(16_000, 11_200, audio[2 * 11_200 : 2 * 16_960])
    assert continued == [SpeechContinued(audio[2 * at : 2 * (at + FRAME)]) for at in range(16_960, 20_640, FRAME)]
    assert closed == SpeechClosed(17_600, audio[2 * 20_640 : 2 * 20_800])


def test_the_pre_roll_is_cut_where_the_last_segment_had_it_already() -> None:
    listener = ear(speech((100, 1), (250, 0), (100, 1)))
    first, second = segments(listener.hear(numbered(100 * FRAME)))
    assert (first[0] + len(first[1]) // 2, second[0]) == (4_800, 4_800)


@given(
    script=st.lists(st.tuples(st.integers(1, 40), st.sampled_from([0.0, 0.4, 1.0])), max_size=20),
    cuts=st.lists(st.integers(1, 3_000), max_size=40),
    frame_samples=st.sampled_from([160, 320, 512]),
)
def test_segments_are_disjoint_slices_of_the_input_however_it_was_cut(
    script: list[tuple[int, float]], cuts: list[int], frame_samples: int
) -> None:
    probabilities = [probability for count, probability in script for _ in range(count)]
    audio = numbered((len(probabilities) + 60) * frame_samples)

    def listener() -> Ear:
        detector = ScriptedDetector(probabilities)
        return Ear(detector, sample_rate=RATE, frame_samples=frame_samples, settings=EXACT)

    whole, cut = listener(), listener()
    events = whole.hear(audio)
    pieces, at = [], 0
    for size in [*cuts, len(audio)]:
        pieces += cut.hear(audio[2 * at : 2 * (at + size)])
        at += size
    assert pieces == events

    end = 0
    for start, handed_out in segments(events):
        assert start >= end
        assert handed_out == audio[2 * start : 2 * start + len(handed_out)]
        end = start + len(handed_out) // 2
    for opened, closed in zip(
        [event for event in events if isinstance(event, SpeechOpened)],
        [event for event in events if isinstance(event, SpeechClosed)],
        strict=True,
    ):
        assert opened.audio_start_sample <= opened.start_sample < closed.last_speech_sample
    assert whole.speech_samples == sum(len(handed_out) // 2 for _, handed_out in segments(events))
    assert whole.heard_samples == whole.position == len(audio) // 2


# --- closing by force, and missing audio


def test_force_close_hands_out_all_that_was_heard() -> None:
    listener = ear(speech((100, 1)))
    audio = numbered(15 * FRAME + 70)
    events = listener.hear(audio) + listener.force_close()
    assert segments(events) == [(0, audio)]
    assert events[-1] == SpeechClosed(1_600, audio[2 * 15 * FRAME :])
    assert listener.position == 15 * FRAME + 70


def test_force_close_outside_of_a_segment_does_nothing() -> None:
    listener = ear(speech((50, 1)))
    assert listener.hear(numbered(5 * FRAME + 70)) + listener.force_close() == []
    assert listener.position == 5 * FRAME + 70


def test_after_force_close_positions_go_on_without_a_hole() -> None:
    listener = ear(speech((100, 1), (100, 0), (100, 1)))
    listener.hear(numbered(15 * FRAME + 70))
    listener.force_close()
    opened = listener.hear(numbered(40 * FRAME))[0]
    assert isinstance(opened, SpeechOpened)
    assert (opened.start_sample, opened.audio_start_sample) == (20 * FRAME + 70, 15 * FRAME + 70)


def test_after_the_end_nothing_said_before_it_is_heard_again() -> None:
    detector = ScriptedDetector(speech((400, 1)))
    listener = Ear(detector, sample_rate=RATE, frame_samples=FRAME, settings=EXACT)
    opened = listener.hear(numbered(10 * FRAME + 70))
    assert outline(opened + listener.end()) == [("opened", 0), ("closed", 100)]
    assert (listener.position, detector.resets) == (10 * FRAME + 70, 1)
    # 50 ms of speech more are too short for a segment, though 100 ms came before them.
    detector.script[15:] = []
    assert listener.hear(numbered(40 * FRAME)) == []


def test_missing_audio_closes_the_segment_and_moves_the_position() -> None:
    listener = ear(speech((100, 1), (100, 1)))
    events = listener.hear(numbered(10 * FRAME + 70)) + listener.hear(numbered(40 * FRAME), start_sample=80_000)
    assert outline(events) == [("opened", 0), ("closed", 100), ("opened", 5_000), ("closed", 5_100)]
    assert [start for start, _ in segments(events)] == [0, 80_000]
    assert (listener.position, listener.heard_samples) == (80_000 + 40 * FRAME, 50 * FRAME + 70)


def test_audio_that_says_where_it_lies_and_misses_nothing_is_heard_as_it_is() -> None:
    listener = ear(speech((400, 1)))
    events = [
        event
        for at in range(0, 16_000, 1_000)
        for event in listener.hear(numbered(16_000)[2 * at : 2 * (at + 1_000)], start_sample=at)
    ]
    assert outline(events) == [("opened", 0), ("closed", 400)]


def test_what_a_detector_raises_passes_and_no_event_is_lost() -> None:
    class FailingDetector(ScriptedDetector):
        def probability(self, frame: bytes) -> float:
            if len(self.heard) == 10:
                self.heard.append(frame)
                raise RuntimeError("broken")
            return super().probability(frame)

    listener = Ear(FailingDetector(speech((200, 1))), sample_rate=RATE, frame_samples=FRAME, settings=EXACT)
    with pytest.raises(RuntimeError, match="broken"):
        listener.hear(numbered(15 * FRAME))
    assert outline(listener.hear(b"")) == [("opened", 0)]


# --- the gate


GATED = EarSettings(min_speech_ms=60, gate_hold_ms=100, warm_up_ms=50)


def level(dbfs: float, milliseconds: int) -> bytes:
    return np.full(milliseconds * 16, round(32_768 * 10 ** (dbfs / 20)), "<i2").tobytes()


def test_silence_is_not_given_to_the_detector() -> None:
    detector = ScriptedDetector()
    listener = Ear(detector, sample_rate=RATE, frame_samples=FRAME, settings=GATED)
    listener.hear(level(-70, 10_000))
    assert (len(detector.heard), listener.vad_samples, listener.heard_samples) == (0, 0, 160_000)


def test_sound_is_given_with_a_warm_up_after_a_reset_and_held_for_a_while() -> None:
    detector = ScriptedDetector()
    listener = Ear(detector, sample_rate=RATE, frame_samples=FRAME, settings=GATED)
    audio = level(-70, 1_000) + level(-30, 200) + level(-70, 1_000)
    listener.hear(audio)
    # 50 ms before it, 200 ms of it, 100 ms after it
    assert b"".join(detector.heard) == audio[2 * 16 * 950 : 2 * 16 * 1_300]
    assert (detector.resets, listener.vad_samples) == (1, 350 * 16)


def test_each_sound_after_silence_meets_a_reset_detector() -> None:
    detector = ScriptedDetector()
    listener = Ear(detector, sample_rate=RATE, frame_samples=FRAME, settings=GATED)
    listener.hear((level(-70, 1_000) + level(-30, 200)) * 2 + level(-70, 1_000))
    assert (detector.resets, listener.vad_samples) == (2, 2 * 350 * 16)


def test_a_detector_that_wants_to_hear_everything_does() -> None:
    detector = ScriptedDetector()
    listener = Ear(detector, sample_rate=RATE, frame_samples=FRAME, settings=EXACT)
    listener.hear(bytes(32_000))
    assert (len(detector.heard), detector.resets) == (100, 0)


def test_an_open_segment_closes_though_the_gate_is_shut() -> None:
    listener = Ear(LoudnessDetector(), sample_rate=RATE, frame_samples=FRAME, settings=GATED)
    assert outline(listener.hear(bytes(32_000) + level(-20, 300) + bytes(32_000))) == [
        ("opened", 1000),
        ("closed", 1300),
    ]


def passed(gate: NoiseGate, dbfs: float, milliseconds: int) -> int:
    """How many ms of a steady level pass."""
    return sum(gate.passes(dbfs) for _ in range(milliseconds // FRAME_MS)) * FRAME_MS


def gate() -> NoiseGate:
    return NoiseGate(FRAME_MS, EarSettings(gate_hold_ms=0))


@given(levels=st.lists(st.floats(-100, 0), max_size=200))
def test_what_is_louder_than_the_upper_bound_passes_whatever_was_heard_before(levels: list[float]) -> None:
    listener = gate()
    for dbfs in levels:
        listener.passes(dbfs)
        assert -60 <= listener.threshold_dbfs <= -45
    assert listener.passes(-45)


def test_what_is_quieter_than_the_lower_bound_never_passes() -> None:
    assert (passed(gate(), -60.1, 1_000), passed(gate(), -60.0, 10)) == (0, 10)


def test_steady_noise_passes_until_it_is_known_for_noise() -> None:
    assert 10_000 < passed(gate(), -55, 60_000) < 20_000


def test_quiet_speech_over_a_quieter_room_passes() -> None:
    listener = gate()
    passed(listener, -65, 60_000)
    assert listener.passes(-58)


def test_the_floor_falls_at_once_and_rises_slowly() -> None:
    listener = gate()
    passed(listener, -50, 60_000)
    assert listener.floor_dbfs == -50
    passed(listener, -80, 10)
    assert listener.floor_dbfs == -80
    passed(listener, -20, 1_000)
    assert listener.floor_dbfs == pytest.approx(-78)


# --- the end of speech


def closed_ms(background: Samples, amplitude: float, *, lag_ms: int, end_lag_ms: int) -> list[float]:
    """Where speech ends that sounds from 1 s to 2 s over this background, to a detector that lags."""
    audio = background.copy()
    audio[16_000:32_000] += tone(1.0, RATE, hertz=700, amplitude=amplitude)
    settings = EarSettings(min_speech_ms=60, end_lag_ms=end_lag_ms, is_gated=False)
    listener = ear(speech((1000, 0), (1000 + lag_ms, 1)), settings)
    return [at for what, at in outline(listener.hear(audio.tobytes())) if what == "closed"]


def test_the_lag_of_the_detector_is_taken_off_the_end() -> None:
    assert closed_ms(noise(48_000, 5), 9_000, lag_ms=120, end_lag_ms=160) == [pytest.approx(2_000, abs=1)]


def test_the_lag_is_taken_off_in_noise_too() -> None:
    assert closed_ms(noise(48_000, 600), 9_000, lag_ms=120, end_lag_ms=160) == [pytest.approx(2_000, abs=15)]


def test_speech_is_found_under_rumble_that_is_louder() -> None:
    rumble = noise(48_000, 5) + tone(3.0, RATE, hertz=50, amplitude=9_000)
    assert closed_ms(rumble, 3_000, lag_ms=120, end_lag_ms=160) == [pytest.approx(2_000, abs=15)]


def test_the_end_is_dated_back_by_the_lag_at_most() -> None:
    assert closed_ms(noise(48_000, 5), 9_000, lag_ms=300, end_lag_ms=160) == [2_300 - 160]


def test_a_detector_without_lag_is_believed() -> None:
    assert closed_ms(noise(48_000, 5), 9_000, lag_ms=120, end_lag_ms=0) == [2_120]


def test_what_was_heard_before_audio_is_missing_tells_nothing_of_the_end_after_it() -> None:
    settings = EarSettings(min_speech_ms=60, end_lag_ms=160, is_gated=False)
    listener = ear(speech((300, 1), (200, 1)), settings)
    listener.hear(tone(0.3, RATE, amplitude=30_000).tobytes())
    quiet = tone(0.1, RATE, amplitude=300).tobytes()
    events = listener.hear(quiet + bytes(32_000), start_sample=80_000)
    assert [at for what, at in outline(events) if what == "closed"] == [300, pytest.approx(5_100, abs=1)]


def test_the_end_is_never_dated_back_before_the_start() -> None:
    listener = ear(speech((100, 0), (100, 1)), EarSettings(min_speech_ms=60, end_lag_ms=160, is_gated=False))
    assert outline(listener.hear(bytes(16_000))) == [("opened", 100), ("closed", 100)]

"""When the server took each utterance for finished, against when it was.

A false cutoff is a turn that is committed while the utterance it belongs to, by the fixture's annotation, goes on. The
wait of an utterance is the time from its true end to the first commit from then on. One without any commit is missed.
"""

from bisect import bisect_right
from collections.abc import Sequence

from msgspec import UNSET, Struct, UnsetType

from voicecli.calls.call import CallRecord
from voicecli.fixtures.fixture import Fixture, Kind, Utterance
from voicecli.fixtures.truth import SpokenTruth
from voicewire.clock import ms
from voicewire.marks import Mark
from voicewire.messages import CancelReason


class Cut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One commit that came too early."""

    at_ms: float
    """In ms of `audio.wav`."""
    into_ms: float
    """Since the utterance's first sound."""
    pause_ms: float | UnsetType = UNSET
    """Length of the pause that was taken for the end; absent where none is annotated."""
    said: str
    """The words before it, as far as their number tells: those of a stretch of sound are taken to be spread evenly."""
    call_ms: float
    """Since the first sample of the microphone audio."""
    heard_ms: float
    """So much of the reply was heard, 0 where the caller went on before it began."""


class UtteranceResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    fixture: str
    utterance: int
    """From 0."""
    is_spoken: bool = True
    """Whether the call came so far."""
    waited_ms: float | UnsetType = UNSET
    """Absent where nothing was committed once the utterance was over."""
    cuts: tuple[Cut, ...] = ()

    @property
    def is_cut(self) -> bool:
        return bool(self.cuts)

    @property
    def is_missed(self) -> bool:
        return self.is_spoken and not self.cuts and self.waited_ms is UNSET


def judged(label: str, fixture: Fixture, record: CallRecord) -> list[UtteranceResult]:
    """Each utterance that is speech; the record's marks must be on a clock that can be put beside the caller's."""
    return [
        _judged(label, fixture, index, record)
        for index, utterance in enumerate(fixture.utterances)
        if utterance.kind is Kind.SPEECH
    ]


def _judged(label: str, fixture: Fixture, index: int, record: CallRecord) -> UtteranceResult:
    utterance = fixture.utterances[index]
    if index >= len(record.starts_ms):
        return UtteranceResult(fixture=label, utterance=index, is_spoken=False)
    shift_ms = record.starts_ms[index] - utterance.audio_ms[0]
    truth = SpokenTruth(record.origin_ns, record.schedule)
    truth.spoke(index, utterance, shift_ms)
    end_ns = truth.utterance_end_ns(index)
    assert end_ns is not None, "speech has segments"
    commits = sorted(
        (committed_ns, turn.turn_id)
        for turn in record.view.turns
        if record.utterances.get(turn.turn_id) == index
        if (committed_ns := record.view.own_marks(turn).get(Mark.TURN_COMMITTED)) is not None
    )
    waited_ns = next((commit_ns - end_ns for commit_ns, _ in commits if commit_ns >= end_ns), None)
    # Whom the server lets finish, and has given no answer to that could be heard, it has not cut off.
    taken_back = {turn.turn_id for turn in record.view.turns if turn.cancelled is CancelReason.RESUMED}
    heard_ms = {reply.turn_id: round(reply.samples * 1000 / reply.rate, 3) for reply in record.replies}
    return UtteranceResult(
        fixture=label,
        utterance=index,
        waited_ms=UNSET if waited_ns is None else ms(waited_ns),
        cuts=tuple(
            _cut(
                utterance,
                at_ms=_position_ms(truth, commit_ns, record) - shift_ms,
                call_ms=ms(commit_ns - record.origin_ns),
                heard_ms=heard_ms.get(turn_id, 0.0),
            )
            for commit_ns, turn_id in commits
            if commit_ns < end_ns and not (turn_id in taken_back and not heard_ms.get(turn_id))
        ),
    )


def _position_ms(truth: SpokenTruth, instant_ns: int, record: CallRecord) -> float:
    """What of the microphone audio was captured at an instant, to the millisecond where it is not evenly."""
    if not record.schedule.packets:
        return ms(instant_ns - record.origin_ns)
    positions_ms = range(max(0, round(ms(instant_ns - record.origin_ns))) + 1)
    return float(max(0, bisect_right(positions_ms, instant_ns, key=truth.instant_ns) - 1))


def _cut(utterance: Utterance, *, at_ms: float, call_ms: float, heard_ms: float) -> Cut:
    segments = utterance.segments_ms
    before = [segment for segment in segments if segment[0] <= at_ms]
    ended = [segment for segment in segments if segment[1] <= at_ms]
    pause_ms: float | UnsetType = UNSET
    # Speech that has just begun again was not known of yet: the pause before it is what was taken for the end.
    resumed = len(before) if len(before) == len(ended) else len(before) - 1
    if 0 < resumed < len(segments):
        pause_ms = round(segments[resumed][0] - segments[resumed - 1][1], 3)
    return Cut(
        at_ms=round(at_ms, 3),
        into_ms=round(at_ms - segments[0][0], 3),
        pause_ms=pause_ms,
        said=said_before(utterance.text, segments, at_ms),
        call_ms=call_ms,
        heard_ms=heard_ms,
    )


def said_before(text: str, segments_ms: Sequence[tuple[float, float]], at_ms: float) -> str:
    """The words that were said at `at_ms`, about: each takes as long as it has letters."""
    total_ms = sum(end - onset for onset, end in segments_ms)
    spoken_ms = sum(max(0.0, min(end, at_ms) - onset) for onset, end in segments_ms)
    words = text.split()
    letters = spoken_ms / total_ms * sum(map(len, words))
    said: list[str] = []
    for word in words:
        if letters < len(word) / 2:
            break
        letters -= len(word)
        said.append(word)
    return " ".join(said)

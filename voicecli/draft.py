"""Finishes a recording: `audio.wav` from the packets, and a `fixture.toml` to fill in from what the server understood.

Drafted segments are the server's, with their edges where the sound begins and ends; sound that the server took no turn
for is noted, too. A recording of the microphone alone becomes a caller who waits for each reply.
"""

import json
import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import soundfile

from voicecli import oggopus, wavfile
from voicecli.fixture import (
    REGION_STEP_MS,
    TOML_NAME,
    AudioCodec,
    FixtureError,
    Kind,
    When,
    audio_path,
    words,
)
from voicecli.journal import REPLIES_NAME, AudioSent, Journal, MessageReceived, MessageSent, read
from voicecli.microphone import QUIET_FRAMES
from voicecli.oggopus import OggOpusError
from voicecli.segments import MIN_SPEECH_MS, RATE, Samples, Segment, found, joined
from voicecli.truth import SLACK_MS
from voicewire.formats import FRAME_MS
from voicewire.messages import (
    SessionReady,
    SessionStart,
    SpeechStarted,
    SpeechStopped,
    TranscriptFinal,
    TurnEnd,
    TurnOutcome,
)

LEAD_MS = 400
"""A region begins so much before its speech, where there is room."""
PAUSE_MS = 1000
"""Nothing is heard for longer than this between two utterances of a microphone alone."""


SHOWN = ("speech_started", "transcript_final", "reply_cancelled", "turn_end")
SHORTEST_MS = 2 * REGION_STEP_MS
"""A shorter segment is left out; each of these finds room in a region of its own."""


@dataclass(slots=True)
class Heard:
    """A turn of the recorded session: what the server heard, where; ms of the recording."""

    segments: list[Segment] = field(default_factory=list)
    opened_ms: float | None = None
    """The segment that has not ended yet began here."""
    transcript: str = ""
    outcome: TurnOutcome | None = None


class Places:
    """Where in the recording it is what the server tells by its own positions, which count what was left out."""

    def __init__(self, position_ms: float, recorded_ms: float = 0.0) -> None:
        self.recorded_ms = recorded_ms
        """How long the recording is so far."""
        self._position_ms = position_ms
        self._begun: list[tuple[float, float]] = [(position_ms, recorded_ms)]
        """Position and place of each stretch without a gap."""

    def add(self, sent: AudioSent) -> None:
        self._position_ms += sent.skipped_ms
        if sent.skipped_ms:
            self._begun.append((self._position_ms, self.recorded_ms))
        self._position_ms += sent.packets * FRAME_MS
        self.recorded_ms += sent.packets * FRAME_MS

    def recorded(self, position_ms: float) -> float:
        """What was left out has the place of its end."""
        after = bisect_right(self._begun, position_ms, key=lambda each: each[0])
        begun_ms, recorded_ms = self._begun[max(0, after - 1)]
        next_ms = self._begun[after][1] if after and after < len(self._begun) else math.inf
        return min(recorded_ms + position_ms - begun_ms, next_ms)


class Drafted(NamedTuple):
    kind: Kind
    segments: list[Segment]
    transcript: str = ""
    is_understood: bool = True
    """The transcript is the server's; otherwise nobody knows yet what is said."""


def finish(folder: Path) -> Path:
    """Write `audio.wav` and `fixture.toml` of a recording, also of one that was cut off; returns the latter.

    Raises FixtureError where there is too little to make a fixture of, and where it is finished already.
    """
    toml, wav, opus = folder / TOML_NAME, audio_path(folder, AudioCodec.WAV), audio_path(folder, AudioCodec.OPUS)
    if toml.exists():
        raise FixtureError(toml, "is there already; delete it to draft it once more")
    journal = read(folder)
    try:
        try:
            file = oggopus.read_packets(opus)
        except OggOpusError:
            oggopus.mend(opus)
            file = oggopus.read_packets(opus)
        packets = len(file.packets)
        if packets < QUIET_FRAMES.stop:
            raise FixtureError(
                opus, f"holds {packets * FRAME_MS} ms; that is too little for a fixture, record it again"
            )
        _mend_replies(folder / REPLIES_NAME)
        decoded = oggopus.decode(opus, RATE)
        # The encoder's delay is missing at the end.
        samples = np.pad(decoded, (0, max(0, packets * FRAME_MS * RATE // 1000 - len(decoded))))
        wavfile.write(wav, samples, RATE)
        with toml.open("x", encoding="utf-8") as file_of_text:
            file_of_text.write(drafted(folder.resolve().name, journal, samples))
    except OggOpusError as error:
        raise FixtureError(error.path, error.reason) from None
    except (OSError, soundfile.SoundFileError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FixtureError(
            folder, f"cannot be finished: {reason}; make room, then `voicecli record --finish`"
        ) from None
    return toml


def _mend_replies(replies: Path) -> None:
    """End the file, which also a whole one survives; without a reply there is none."""
    try:
        if replies.exists():
            oggopus.mend(replies)
    except OggOpusError:
        replies.unlink()


def drafted(name: str, journal: Journal, samples: Samples) -> str:
    """The text of `fixture.toml` for a recording with this journal, whose audio at 16 kHz these samples are."""
    end_ms = len(samples) * 1000 // RATE
    turns = turns_of(journal)
    has_server = any(isinstance(entry, MessageReceived) for entry in journal.entries)
    sounds = found(samples)
    utterances = _of_turns(turns, sounds, end_ms) if has_server else _of_sounds(sounds)
    if not utterances:
        utterances = [Drafted(Kind.SILENCE, [])]
    lines = [*_head(name, journal, has_server), *_session(journal)]
    for number, (utterance, region) in enumerate(_in_regions(utterances, end_ms)):
        when = When.RECORDED if has_server else When.AFTER_REPLY if number else When.START
        lines += _utterance(utterance, region, when)
    if has_server:
        lines += _expect(turns, journal)
    return "\n".join(lines) + "\n"


def turns_of(journal: Journal) -> list[Heard]:
    """The turns that the server took, in order, with positions in the recording."""
    turns: list[Heard] = []
    by_id: dict[int, Heard] = {}
    places = Places(journal.header.sent_before_ms)
    for entry in journal.entries:
        if isinstance(entry, AudioSent):
            places.add(entry)
        message = _message(entry)
        if isinstance(message, SessionReady) and places.recorded_ms:
            # Another session, that counts its turns and its audio from the beginning.
            places, by_id = Places(0.0, places.recorded_ms), {}
        turn_id: int | None = getattr(message, "turn_id", None)
        if turn_id is None:
            continue
        if turn_id not in by_id:
            by_id[turn_id] = Heard()
            turns.append(by_id[turn_id])
        turn = by_id[turn_id]
        match message:
            case SpeechStarted(position_ms=position_ms):
                turn.opened_ms = places.recorded(position_ms) if turn.opened_ms is None else turn.opened_ms
            case SpeechStopped(position_ms=position_ms) if turn.opened_ms is not None:
                turn.segments.append((turn.opened_ms, places.recorded(position_ms)))
                turn.opened_ms = None
            case TranscriptFinal(text=text):
                turn.transcript = words(text)
            case TurnEnd(outcome=outcome):
                turn.outcome = outcome
    return turns


def _message(entry: object) -> object:
    return entry.message if isinstance(entry, MessageReceived | MessageSent) else None


# --- what is said where


def _of_turns(turns: Sequence[Heard], sounds: Sequence[Segment], end_ms: int) -> list[Drafted]:
    """An utterance for each turn that was spoken, and for each sound besides."""
    spans = [
        ((max(0.0, start), min(end, float(end_ms))), turn)
        for turn in turns
        for start, end in [*turn.segments, *([] if turn.opened_ms is None else [(turn.opened_ms, float(end_ms))])]
    ]
    spans.sort(key=lambda span: span[0])
    refined = _refined([segment for segment, _ in spans], sounds, end_ms)
    owned: list[tuple[Segment, Heard | None]] = [
        (segment, turn)
        for segment, (_, turn) in zip(refined, spans, strict=True)
        if segment[1] - segment[0] >= SHORTEST_MS
    ]
    strays = _outside(sounds, [segment for segment, _ in owned])
    owned = sorted([*owned, *((stray, None) for stray in strays)], key=lambda each: each[0])
    drafts: list[Drafted] = []
    last: Heard | None = None
    for index, (segment, turn) in enumerate(owned):
        later = next((each for _, each in owned[index:] if each is not None), None)
        # A sound between two segments of a turn belongs to it.
        owner = later if turn is None and later is last else turn
        if owner is not None and owner is last:
            drafts[-1].segments.append(segment)
        else:
            kind = Kind.SPEECH if owner and owner.transcript else Kind.BACKCHANNEL
            drafts.append(Drafted(kind, [segment], owner.transcript if owner else ""))
        last = owner
    return drafts


def _refined(spans: Sequence[Segment], sounds: Sequence[Segment], end_ms: int) -> list[Segment]:
    """Each span of the server with its edges where a sound begins and ends, if one does near them."""
    refined: list[Segment] = []
    for index, (start, end) in enumerate(spans):
        before = refined[-1][1] if refined else 0.0
        after = (end + max(end, spans[index + 1][0])) / 2 if index + 1 < len(spans) else float(end_ms)
        start = max(start, before)
        onsets = [sound[0] for sound in sounds if before <= sound[0] < end]
        start = _nearest(start, onsets)
        end = _nearest(end, [sound[1] for sound in sounds if start < sound[1] <= after])
        refined.append((start, max(start, end)))
    return refined


def _nearest(edge: float, found_edges: Sequence[float]) -> float:
    near = [each for each in found_edges if abs(each - edge) <= SLACK_MS]
    return min(near, key=lambda each: abs(each - edge), default=edge)


def _outside(sounds: Sequence[Segment], segments: Sequence[Segment]) -> list[Segment]:
    """What is left of the sounds outside of the segments, and is long enough to be said."""
    left: list[Segment] = []
    for start, end in sounds:
        for segment_start, segment_end in segments:
            if segment_end <= start or segment_start >= end:
                continue
            if segment_start > start:
                left.append((start, segment_start))
            start = segment_end
        if end > start:
            left.append((start, end))
    return [(start, end) for start, end in left if end - start >= MIN_SPEECH_MS]


def _of_sounds(sounds: Sequence[Segment]) -> list[Drafted]:
    """Utterances of a microphone alone, apart where it was quiet for long."""
    heard = [(start, end) for start, end in sounds if end - start >= MIN_SPEECH_MS]
    return [
        Drafted(Kind.SPEECH, [segment for segment in heard if whole[0] <= segment[0] < whole[1]], is_understood=False)
        for whole in joined(heard, PAUSE_MS)
    ]


def _in_regions(utterances: Sequence[Drafted], end_ms: int) -> Iterator[tuple[Drafted, tuple[int, int]]]:
    """Each utterance with a region of its own; together they cover the recording."""
    starts = [0]
    for before, after in pairwise(utterances):
        onset, quiet_from = after.segments[0][0], before.segments[-1][1]
        start = int(max(quiet_from, onset - LEAD_MS)) // REGION_STEP_MS * REGION_STEP_MS
        starts.append(start + REGION_STEP_MS * (start < quiet_from and start + REGION_STEP_MS <= onset))
    for utterance, (start, end) in zip(utterances, pairwise([*starts, end_ms]), strict=True):
        # Between two sounds that all but touch there may be no place to part them.
        inside = [(onset, min(stop, float(end))) for onset, stop in utterance.segments if onset < end]
        yield utterance._replace(segments=inside), (start, end)


# --- as text


def _head(name: str, journal: Journal, has_server: bool) -> list[str]:
    header = journal.header
    what = "A session" if has_server else "A microphone"
    made_with = f"voicecli {header.voicecli}" + (f", {header.microphone}" if header.microphone else "")
    return [
        "# Drafted by voicecli. Check everything below, most of all what is said and where it ends: voice-to-voice is",
        f"# measured from there. `python -m voicecli.lint {name}` says what does not fit the audio.",
        'schema = "voicecli.fixture/1"',
        f"name = {_quoted(name)}",
        f"description = {_quoted(f'{what}, recorded on {header.created}.')}  # say what it shows",
        f"made_with = {_quoted(made_with)}",
        'licence = "none yet: it is for whoever speaks to give one"',
        'background = "as the microphone heard it"',
    ]


def _session(journal: Journal) -> list[str]:
    asked = next((message for entry in journal.entries if isinstance(message := _message(entry), SessionStart)), None)
    if asked is None:
        return []
    lines = ["", "[session]", f"locale = {_quoted(asked.locale)}"]
    known = {name: value for name, value in msgspec.to_builtins(asked.turn_detection).items() if value is not None}
    if known:
        lines += ["[session.turn_detection]", *(f"{name} = {json.dumps(value)}" for name, value in known.items())]
    return lines


def _utterance(utterance: Drafted, region: tuple[int, int], when: When) -> list[str]:
    lines = ["", "[[utterances]]"]
    if utterance.kind is Kind.BACKCHANNEL:
        lines.append("# A sound that was answered by nothing: cough, noise, echo, or a word that was not understood.")
    lines += [f'kind = "{utterance.kind.value}"', f"text = {_quoted(utterance.transcript)}"]
    if utterance.kind is Kind.SPEECH:
        lines[-1] += "  # check: as the server understood it" if utterance.is_understood else "  # write what is said"
    lines.append(f"audio_ms = [{region[0]}, {region[1]}]")
    if utterance.kind is not Kind.SILENCE:
        segments = ", ".join(f"[{_number(start)}, {_number(end)}]" for start, end in utterance.segments)
        lines.append(f"segments_ms = [{segments}]  # check: onset and end")
    lines.append(f'when = "{when.value}"')
    if not utterance.is_understood:
        lines += ["[utterances.expect]", "transcript = false  # delete this once the text is written"]
    return lines


def _expect(turns: Sequence[Heard], journal: Journal) -> list[str]:
    given = sum(turn.outcome in (TurnOutcome.COMPLETED, TurnOutcome.CANCELLED) for turn in turns)
    received = [entry.message for entry in journal.entries if isinstance(entry, MessageReceived)]
    tags = [str(message.__struct_config__.tag) for message in received]
    events = ", ".join(f'"{tag}"' for tag in tags if tag in SHOWN)
    asked = "# What came in the recorded session; leave what has to come:"
    return ["", "[expect]", f"turns = {given}", asked, f"# events = [{events}]"]


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _quoted(text: str) -> str:
    """A TOML string; JSON escapes what TOML wants escaped, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "")

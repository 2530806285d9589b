"""One call: a fixture acted out to a server, and all that was heard and seen of it."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import msgspec

from voicecli.calls.caller import Caller
from voicecli.calls.pacing import Pace, PacingReport
from voicecli.client.client import VoiceClient
from voicecli.client.player import HeardReply, Player
from voicecli.client.transport import CallError, Transport
from voicecli.client.viewstate import Event, MarkNoted, ViewState, reduced
from voicecli.fixtures.fixture import TOML_NAME, Fixture, FixtureError
from voicecli.fixtures.microphone import Recording
from voicecli.fixtures.schedule import EVEN, FRAME_NS, Schedule, UserAct
from voicecli.fixtures.truth import SpokenTruth
from voicewire.clock import NS_PER_MS, NS_PER_S, Clock
from voicewire.formats import AudioFormat, Codec
from voicewire.frames import AudioFrame
from voicewire.marks import Mark
from voicewire.messages import (
    AudioAck,
    AudioEnd,
    CancelReason,
    Interrupt,
    Message,
    ReplyCancelled,
    SessionStart,
    TextInput,
    TranscriptFinal,
    TurnDetection,
)
from voicewire.messages import Clock as ClockMessage

Watcher = Callable[[ViewState, int], None]
"""Is shown the state after each change, and when that was."""


class CallSettings(NamedTuple):
    timeout_s: float = 30.0
    """How long to wait for a reply, or for its end, while nothing comes."""
    output: AudioFormat = AudioFormat(Codec.OPUS)
    token: str | None = None
    buffer_ms: int = 0
    """Audio that the player gathers before it begins."""
    hears_all: bool = True
    """Decode replies to their end, and not only up to their first sound: needed for what is spoken into one."""
    measures_first: bool = True
    """Measure the server's clock before the first word, and not beside it."""
    turn_detection: Mapping[str, bool | int | str] = {}
    """Asked for where the fixture asks for nothing else; fields of TurnDetection."""


class CallRecord(NamedTuple):
    """What a call has left."""

    view: ViewState
    events: tuple[str, ...]
    """Types of the server's messages in order, without `audio_ack` and `clock`."""
    pacing: PacingReport
    replies: tuple[HeardReply, ...]
    stale_frames: int
    starts_ms: tuple[int, ...]
    """Where in the microphone audio each utterance began."""
    utterances: dict[int, int]
    """The utterance (from 0) that opened each turn."""
    origin_ns: int
    """When the first sample of the microphone audio was captured, on the client's clock."""
    ended_ns: int
    """When the call was over, on the same clock."""
    gave_up: str | None
    """Why the call was ended before all was said and answered."""
    schedule: Schedule = EVEN
    """When the microphone audio was captured, after the origin."""


class CallLog:
    """Listens to a call: keeps the view of it, lets the caller react, and notes what only the audio tells."""

    def __init__(self, caller: Caller, truth: SpokenTruth, watch: Watcher) -> None:
        self.view = ViewState()
        self.events: list[str] = []
        self.player: Player | None = None
        """Set once the session has started."""
        self._caller = caller
        self._truth = truth
        self._watch = watch

    def received(self, message: Message | AudioFrame, now_ns: int) -> None:
        self._caller.received(message, now_ns)
        if isinstance(message, AudioFrame):
            return
        if not isinstance(message, AudioAck | ClockMessage):
            self.events.append(str(message.__struct_config__.tag))
        self._reduce(message, now_ns)
        match message:
            case TranscriptFinal(turn_id=turn_id):
                self._note_speech_end(turn_id, now_ns)
            case ReplyCancelled(turn_id=turn_id, reason=CancelReason.BARGE_IN):
                self._note_barge_in(turn_id, now_ns)

    def noted(self, event: Event, now_ns: int) -> None:
        self._reduce(event, now_ns)
        if isinstance(event, MarkNoted) and event.mark is Mark.REPLY_FIRST_FRAME_RECEIVED:
            self._note_speech_end(event.turn_id, now_ns)

    def _note_speech_end(self, turn_id: int, now_ns: int) -> None:
        """Once the turn is committed, it is known what the user's last words of it were."""
        turn = self.view.turn(turn_id)
        if turn is None or Mark.MIC_SPEECH_END in turn.marks:
            return
        utterance = self._caller.utterance_of(turn_id)
        if turn.started_ms is not None:
            end_ns = self._truth.speech_end_ns(turn.started_ms, turn.stopped_ms)
        else:
            end_ns = None if utterance is None else self._truth.utterance_end_ns(utterance)
        if end_ns is not None:
            self._reduce(MarkNoted(turn_id, Mark.MIC_SPEECH_END, end_ns), now_ns)

    def _note_barge_in(self, turn_id: int, now_ns: int) -> None:
        """The player has flushed the reply: from the user's first sound over it to the last one of it."""
        reply = self.player.reply(turn_id) if self.player else None
        first_ns, last_ns = (reply.first_audible_ns, reply.last_audible_ns) if reply else (None, None)
        if first_ns is None or last_ns is None:
            return
        onset_ns = self._truth.onset_between_ns(first_ns, now_ns)
        if onset_ns is None:
            return
        if reply is not None and reply.resumed_from_ns is not None:
            # What the reply was resumed after was no interruption.
            later_ns = self._truth.onset_between_ns(reply.resumed_from_ns + 1, now_ns)
            onset_ns = onset_ns if later_ns is None else later_ns
        # A reply that was pausing by itself when the user began had been silent already.
        silence_ns = max(onset_ns, last_ns)
        self._reduce(MarkNoted(turn_id, Mark.BARGE_IN_SPEECH_START, onset_ns), now_ns)
        self._reduce(MarkNoted(turn_id, Mark.BARGE_IN_SILENCE, silence_ns), now_ns)

    def _reduce(self, event: Event, now_ns: int) -> None:
        before, self.view = self.view, reduced(self.view, event)
        if self.view is not before:
            self._watch(self.view, now_ns)


async def place_call(
    fixture: Fixture,
    recording: Recording,
    transport: Transport,
    clock: Clock,
    settings: CallSettings | None = None,
    watch: Watcher = lambda view, now_ns: None,
    truth: SpokenTruth | None = None,
) -> CallRecord:
    """Act out the fixture over an open transport. Raises CallError, and what `turn_detection` raises.

    `truth` is told of what is said as it begins to be.
    """
    settings = settings or CallSettings()
    truth = truth or SpokenTruth(schedule=recording.schedule)
    caller = Caller(fixture, recording, truth, timeout_ns=round(settings.timeout_s * NS_PER_S))
    log = CallLog(caller, truth, watch)
    player_at = partial(Player, buffer_ns=settings.buffer_ms * NS_PER_MS)
    client = VoiceClient(transport, clock, log, player_at, hears_all=settings.hears_all)
    gave_up: str | None = None
    try:
        await client.start(_session_start(fixture, recording, settings))
        log.player = client.player
        async with asyncio.TaskGroup() as group:
            conversing = group.create_task(client.converse())
            measuring = group.create_task(client.measure_clock())
            if settings.measures_first:
                await measuring
            truth.origin_ns = clock.now_ns()
            pace = Pace(truth.origin_ns, FRAME_NS, recording.schedule)
            gave_up = await _speak(client, caller, recording, pace, clock)
            ended_ns = clock.now_ns()
            conversing.cancel()
            measuring.cancel()
    except* CallError as failed:
        raise first_of(failed) from None
    player = client.player
    turn_ids = [turn.turn_id for turn in log.view.turns]
    owners = {turn_id: caller.utterance_of(turn_id) for turn_id in turn_ids}
    return CallRecord(
        view=log.view,
        events=tuple(log.events),
        pacing=pace.report(),
        replies=tuple(player.replies),
        stale_frames=player.stale_frames,
        starts_ms=tuple(caller.starts_ms),
        utterances={turn_id: owner for turn_id, owner in owners.items() if owner is not None},
        origin_ns=truth.origin_ns,
        ended_ns=ended_ns,
        gave_up=gave_up,
        schedule=recording.schedule,
    )


async def _speak(
    client: VoiceClient[Player], caller: Caller, recording: Recording, pace: Pace, clock: Clock
) -> str | None:
    """Send what is due, a chunk each 20 ms, until the call is over; returns why, where it was given up."""
    player = client.player
    index = 0
    while True:
        await asyncio.sleep(max(0, pace.deadline_ns - clock.now_ns()) / NS_PER_S)
        now_ns = clock.now_ns()
        is_playing = player.is_playing(now_ns)
        if pace.is_recorded_sent and caller.is_finished(is_playing, now_ns):
            return None
        # A reply that is paused for good is none that goes on.
        if reason := caller.gave_up(is_playing and not player.is_paused, now_ns):
            return reason
        due = pace.due
        if due.act is not None:
            await _act(client, caller, due.act, now_ns)
            pace.sent(clock.now_ns())
            continue
        playhead = player.playhead(now_ns)
        chunks = [caller.chunk(index + number, playhead, now_ns) for number in range(due.packets)]
        index += due.packets
        payload = b"".join(chunk.payload for chunk in chunks)
        await client.send_audio(payload, recording.samples_per_frame * due.packets)
        pace.sent(clock.now_ns())
        if chunks[-1].ends_audio:
            await client.send(AudioEnd())


async def _act(client: VoiceClient[Player], caller: Caller, act: UserAct, now_ns: int) -> None:
    """What the user did in the recording besides speaking."""
    match act:
        case TextInput():
            caller.typed(now_ns)
        case Interrupt():
            # It was another call: the reply that is heard now is what the user would stop.
            playhead = client.player.playhead(now_ns)
            if playhead is None:
                return
            act = Interrupt(turn_id=playhead.turn_id, played_ms=playhead.played_ms)
    await client.send(act)


def turn_detection(fixture: Fixture, others: Mapping[str, bool | int | str] | None = None) -> TurnDetection:
    """What the fixture asks for, and `others` where it says nothing of them.

    Raises FixtureError for what the protocol does not know.
    """
    try:
        return msgspec.convert({**(others or {}), **fixture.session.turn_detection}, TurnDetection)
    except msgspec.ValidationError as error:
        raise FixtureError(fixture.folder / TOML_NAME, f"session.turn_detection: {error}") from None


def _session_start(fixture: Fixture, recording: Recording, settings: CallSettings) -> SessionStart:
    return SessionStart(
        locale=fixture.session.locale,
        input=[recording.format],
        output=[settings.output],
        turn_detection=turn_detection(fixture, settings.turn_detection),
        token=settings.token,
        metadata={"fixture": fixture.name},
    )


def first_of(group: BaseExceptionGroup[CallError]) -> CallError:
    """The first error of a group; of several tasks that lost one connection, each may have said so."""
    first = group.exceptions[0]
    return first_of(first) if isinstance(first, BaseExceptionGroup) else first

"""Recording and replaying against the real session with scripted engines, on a virtual clock."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.voicecli.peer import memory_pair, virtually
from voicecli import draft, fixture, journal, lint, oggopus, viewstate
from voicecli.call import CallRecord, CallSettings, place_call
from voicecli.client import VoiceClient
from voicecli.fixture import FixtureError, When
from voicecli.journal import AudioSent, Header, MessageReceived, ReplyAudioReceived
from voicecli.memorywire import End
from voicecli.microphone import record
from voicecli.player import Player
from voicecli.tape import Tape, record_into
from voicecli.virtualtime import VirtualLoop
from voiceserver.service import Service
from voiceserver.settings import ServerSettings
from voicewire.formats import Codec
from voicewire.frames import AudioFrame, FrameKind, pack_packets, unpack_packets
from voicewire.marks import Mark
from voicewire.messages import (
    AudioAck,
    AudioEnd,
    Clock,
    SessionReady,
    SessionStart,
    TextInput,
    TurnDetection,
    TurnDetectionMode,
    TurnEnd,
    decode_down,
    decode_up,
)

MS = 1_000_000
FIXTURES = Path(__file__).parents[2] / "fixtures"
QUESTION = oggopus.read_packets(FIXTURES / "question-weather" / "audio.opus")

ENGINES = {
    "vad": "scripted",
    "stt": "scripted(text='tell me a story|what time is it|and now', final=50ms)",
    "llm": "scripted(text='Once upon a time there was a miller who had three sons and a cat.', ttft=120ms)",
    "tts": "scripted(ttfb=80ms)",
}

Sent = tuple[int, bytes | str]
"""When the server received something of the user, in ns, and its payload or its text."""


class Ear(End):
    """The server's end; keeps what the user sent, and not what the client says for itself."""

    def __init__(self, end: End, loop: VirtualLoop) -> None:
        self._end = end
        self._loop = loop
        self.heard: list[Sent] = []

    async def recv(self) -> str | bytes:
        data = await self._end.recv()
        if isinstance(data, bytes):
            self.heard.append((self._loop.now_ns(), AudioFrame.parse(data).payload))
        elif json.loads(data)["type"] in ("audio_end", "text_input", "interrupt"):
            self.heard.append((self._loop.now_ns(), data))
        return data

    async def send(self, data: str | bytes) -> None:
        await self._end.send(data)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._end.close(code, reason)

    def since_the_first_packet(self) -> list[Sent]:
        origin_ns = next(at_ns for at_ns, said in self.heard if isinstance(said, bytes))
        return [(at_ns - origin_ns, said) for at_ns, said in self.heard]


Act = Callable[[End, VirtualLoop], Coroutine[Any, Any, Any]]


def served(act: Act, **settings: Any) -> tuple[Any, Ear]:
    """What `act` returns that talks to a server, and what the server heard of it."""
    ears: list[Ear] = []

    async def main(loop: VirtualLoop) -> Any:
        client_end, server_end = memory_pair()
        ear = Ear(server_end, loop)
        ears.append(ear)
        async with Service(ServerSettings(**(ENGINES | settings)), loop) as service, asyncio.TaskGroup() as group:
            group.create_task(service.converse(ear))
            result = await act(client_end, loop)
            await client_end.close()
        return result

    return virtually(main), ears[0]


def replayed(folder: Path, **settings: Any) -> tuple[CallRecord, Ear]:
    chosen = fixture.load(folder)

    async def act(end: End, loop: VirtualLoop) -> CallRecord:
        return await place_call(chosen, record(chosen), end, loop, CallSettings())

    return served(act, **settings)


class Taped(End):
    """The client's end, with a tape that is told what passes it."""

    def __init__(self, end: End, loop: VirtualLoop, tape: Tape) -> None:
        self._end = end
        self._loop = loop
        self._tape = tape

    async def send(self, data: str | bytes) -> None:
        now_ns = self._loop.now_ns()
        if isinstance(data, bytes):
            self._tape.audio_sent(unpack_packets(AudioFrame.parse(data).payload), now_ns - 20 * MS, now_ns)
        else:
            self._tape.sent(decode_up(data), now_ns)
        await self._end.send(data)

    async def recv(self) -> str | bytes:
        data = await self._end.recv()
        now_ns = self._loop.now_ns()
        self._tape.received(AudioFrame.parse(data) if isinstance(data, bytes) else decode_down(data), now_ns)
        return data


def test_a_session_acted_by_a_fixture_is_replayed_to_the_byte_and_the_instant(tmp_path: Path) -> None:
    acted = fixture.load(FIXTURES / "barge-in")
    folder = tmp_path / "again"

    async def act(end: End, loop: VirtualLoop) -> CallRecord:
        with record_into(folder, loop.now_ns(), pre_skip=312) as tape:
            return await place_call(acted, record(acted), Taped(end, loop, tape), loop, CallSettings())

    first, heard_first = served(act)
    assert lint.lint(folder) == []
    second, heard_second = replayed(folder)
    sent, sent_again = heard_first.since_the_first_packet(), heard_second.since_the_first_packet()
    assert sent_again[: len(sent)] == sent
    assert [turn.reply_heard for turn in second.view.turns] == [turn.reply_heard for turn in first.view.turns]
    assert second.pacing.worst_late_ms == 0


def test_the_draft_of_a_session_says_what_was_said_where(tmp_path: Path) -> None:
    """The fixture's annotation is the truth that the draft is held against."""
    acted = fixture.load(FIXTURES / "barge-in")
    folder = tmp_path / "again"

    async def act(end: End, loop: VirtualLoop) -> CallRecord:
        with record_into(folder, loop.now_ns(), pre_skip=312, microphone='A "mic"') as tape:
            return await place_call(acted, record(acted), Taped(end, loop, tape), loop, CallSettings())

    call, _ = served(act)
    drafted = fixture.load(folder)
    assert [utterance.text for utterance in drafted.utterances] == ["tell me a story", "what time is it"]
    assert {utterance.when for utterance in drafted.utterances} == {When.RECORDED}
    assert drafted.expect.turns == 2
    assert drafted.made_with.endswith('A "mic"')
    for start_ms, said, found in zip(call.starts_ms, acted.utterances, drafted.utterances, strict=True):
        shift_ms = start_ms - said.audio_ms[0]
        ((onset, end),), ((found_onset, found_end),) = said.segments_ms, found.segments_ms
        assert abs(found_onset - onset - shift_ms) <= 15
        assert abs(found_end - end - shift_ms) <= 15


# When each message was captured and sent, in ms, and how many packets it holds: jitter, packets in one message, a mute
# of 1.5 s in the question (which is one turn of a button), and a packet that came at once after another.
JITTERED = [(index * 20.0, index * 20.0 + 22.137 + index % 7 * 1.5, 1) for index in range(50)]
BUNCHED = [(1000.0 + index * 40, 1000.0 + index * 40 + 41.003, 2) for index in range(30)]
AFTER_A_GAP = [(3700.5 + index * 20, 3725.125 + index * 20, 1) for index in range(len(QUESTION.packets) - 110)]
PLAN = [*JITTERED, *BUNCHED, *AFTER_A_GAP]


def talked(folder: Path) -> Act:
    """A user of push-to-talk: speaks by the plan, lets the button go, types once heard, and speaks no more."""

    async def act(end: End, loop: VirtualLoop) -> None:
        origin_ns = loop.now_ns()
        with record_into(folder, origin_ns, pre_skip=QUESTION.pre_skip) as tape:
            client = VoiceClient(end, loop, tape, Player)
            start = SessionStart(turn_detection=TurnDetection(mode=TurnDetectionMode.MANUAL), token="secret")
            tape.sent(start, loop.now_ns())
            await client.start(start)
            async with asyncio.TaskGroup() as group:
                conversing = group.create_task(client.converse())
                first_ns = loop.now_ns() + 13 * MS
                waiting = list(QUESTION.packets)
                for captured_ms, sent_ms, count in PLAN:
                    await asyncio.sleep((first_ns + round(sent_ms * MS) - loop.now_ns()) / 1e9)
                    packets = [waiting.pop(0) for _ in range(count)]
                    await client.send_audio(pack_packets(packets), 960 * count)
                    tape.audio_sent(packets, first_ns + round(captured_ms * MS), loop.now_ns())
                for delay_s, message in ((0.0171, AudioEnd()), (9.5, TextInput(text="and now"))):
                    await asyncio.sleep(delay_s)
                    await client.send(message)
                    tape.sent(message, loop.now_ns())
                await asyncio.sleep(10)
                conversing.cancel()

    return act


def test_jitter_gaps_grouping_and_acts_are_replayed_as_they_were(tmp_path: Path) -> None:
    folder = tmp_path / "held"
    _, heard = served(talked(folder))
    call, heard_again = replayed(folder)
    sent, sent_again = heard.since_the_first_packet(), heard_again.since_the_first_packet()
    assert sent_again[: len(sent)] == sent
    assert [outcome.value for turn in call.view.turns if (outcome := turn.outcome)] == ["completed", "completed"]
    assert (call.pacing.worst_late_ms, call.pacing.reliable) == (0, True)


def test_the_end_of_speech_is_when_it_was_captured_across_a_gap(tmp_path: Path) -> None:
    """The mute lies in the question: what ends behind it ended later by the mute than its place in the audio says."""
    folder = tmp_path / "held"
    served(talked(folder))
    call, _ = replayed(folder)
    end_ms = fixture.load(folder).utterances[0].segments_ms[-1][1]
    assert end_ms > 2200
    muted_ms = 3700.5 - 110 * 20
    end_ns = call.view.turns[0].marks[Mark.MIC_SPEECH_END] - call.origin_ns
    assert end_ns / MS == pytest.approx(end_ms + muted_ms)


def test_no_secret_of_a_session_is_recorded(tmp_path: Path) -> None:
    _, _ = served(talked(tmp_path / "held"))
    written = (tmp_path / "held" / fixture.JOURNAL_NAME).read_text()
    assert "secret" not in written
    ready = [e.message for e in journal.read(tmp_path / "held").entries if isinstance(e, MessageReceived)]
    assert [m.resume_token for m in ready if isinstance(m, SessionReady)] == ["redacted"]


def test_a_recording_that_starts_in_the_middle_of_a_session_counts_from_there(tmp_path: Path) -> None:
    folder = tmp_path / "later"

    async def act(end: End, loop: VirtualLoop) -> None:
        acted = fixture.load(FIXTURES / "conversation-three-turns")
        whole = tmp_path / "whole"
        with record_into(whole, loop.now_ns(), pre_skip=312) as tape:
            await place_call(acted, record(acted), Taped(end, loop, tape), loop, CallSettings())

    served(act)
    # What the second half of it would have been told.
    entries = journal.read(tmp_path / "whole").entries
    packets = oggopus.read_packets(tmp_path / "whole" / "audio.opus").packets
    received = [entry for entry in entries if isinstance(entry, MessageReceived)]
    first = next(entry for entry in received if isinstance(entry.message, TurnEnd))
    before = [e for e in entries if e.t_ms <= first.t_ms]
    skipped = sum(e.packets for e in before if isinstance(e, AudioSent))
    with record_into(folder, 0, pre_skip=312, sent_before_ms=skipped * 20.0) as tape:
        for entry in entries[len(before) :]:
            if isinstance(entry, AudioSent):
                tape.audio_sent([packets[skipped]], round(entry.captured_ms * MS), round(entry.t_ms * MS))
                skipped += 1
            elif isinstance(entry, MessageReceived):
                tape.received(entry.message, round(entry.t_ms * MS))
    assert [utterance.text for utterance in fixture.load(folder).utterances] == ["what time is it", "and now"]
    assert lint.lint(folder) == []


def test_the_replies_are_kept_as_they_were_received(tmp_path: Path) -> None:
    folder = tmp_path / "held"
    served(talked(folder))
    noted = [entry for entry in journal.read(folder).entries if isinstance(entry, ReplyAudioReceived)]
    kept = oggopus.read_packets(folder / "replies.opus")
    assert len(kept.packets) == sum(entry.packets for entry in noted) > 100
    assert {entry.turn_id for entry in noted} == {1, 2}


# --- the tape alone


class Reel:
    """Keeps what a tape writes."""

    def __init__(self, broken_after: int = 1_000_000) -> None:
        self.audio = b""
        self.replies = b""
        self.lines = b""
        self._left = broken_after
        header = Header(created="2026-01-01T00:00:00+00:00")
        self.tape = Tape(self._audio, self._reply, self._line, header, 120, 1000 * MS)

    def _audio(self, data: bytes) -> None:
        self.audio += data

    def _reply(self, data: bytes) -> None:
        self.replies += data

    def _line(self, data: bytes) -> None:
        if not self._left:
            raise OSError(28, "No space left on device")
        self._left -= 1
        self.lines += data

    def written(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines.splitlines()[1:]]


def test_each_thing_is_a_line_with_its_time_since_the_beginning() -> None:
    reel = Reel()
    tape = reel.tape
    tape.muted(True, 1001 * MS)
    tape.audio_sent(QUESTION.packets[:2], 1002_123_456, 1043 * MS)
    tape.sent(TextInput(text="hello"), 1044 * MS)
    tape.sent(Clock(ping_id=1, sent_ms=3.0), 1044 * MS)
    tape.received(AudioAck(sequence=1, position_ms=20), 1045 * MS)
    tape.received(
        AudioFrame(FrameKind.TTS_AUDIO_CHUNK, Codec.OPUS, 3, 9, 960, pack_packets(QUESTION.packets[:2])), 1046 * MS
    )
    tape.received(AudioFrame(FrameKind.TTS_AUDIO_CHUNK, Codec.PCM_S16LE, 3, 9, 960, b"12"), 1046 * MS)
    tape.noted(viewstate.MarkNoted(3, Mark.REPLY_FIRST_AUDIBLE, 1050 * MS), 1047 * MS)
    tape.noted(viewstate.MarkNoted(3, Mark.REPLY_FIRST_AUDIBLE, None), 1048 * MS)
    tape.noted(viewstate.ReplyScheduled(3, 1050 * MS), 1049 * MS)
    tape.noted(viewstate.ClockMeasured(7 * MS, 2 * MS), 1050 * MS)
    tape.noted(viewstate.PlayheadMoved(3, 20.0, 40.0), 1051 * MS)
    assert reel.written() == [
        {"event": "muted", "t_ms": 1.0, "muted": True},
        {"event": "audio_sent", "t_ms": 43.0, "captured_ms": 2.123, "packets": 2},
        {"event": "message_sent", "t_ms": 44.0, "message": {"type": "text_input", "text": "hello"}},
        {"event": "reply_audio_received", "t_ms": 46.0, "turn_id": 3, "pts": 960, "packets": 2},
        {"event": "reply_audio_received", "t_ms": 46.0, "turn_id": 3, "pts": 960, "packets": 0},
        {"event": "mark_noted", "t_ms": 47.0, "turn_id": 3, "mark": "reply.first_audible", "at_ms": 50.0},
        {"event": "mark_noted", "t_ms": 48.0, "turn_id": 3, "mark": "reply.first_audible", "at_ms": None},
        {"event": "reply_scheduled", "t_ms": 49.0, "turn_id": 3, "at_ms": 50.0},
        {"event": "clock_measured", "t_ms": 50.0, "offset_ms": 1007.0, "round_trip_ms": 2.0},
        {"event": "playhead_moved", "t_ms": 51.0, "turn_id": 3, "played_ms": 20.0, "buffered_ms": 40.0},
    ]


def test_a_full_disk_ends_the_recording_and_not_the_session() -> None:
    reel = Reel(broken_after=2)
    for at in range(4):
        reel.tape.muted(True, (1000 + at) * MS)
        reel.tape.audio_sent(QUESTION.packets[:1], 0, 0)
    reel.tape.end()
    assert reel.tape.failure == "the recording stopped: No space left on device"
    assert reel.written() == [{"event": "muted", "t_ms": 0.0, "muted": True}]


# --- the folder


def speak(tape: Tape, packets: int) -> None:
    for index, packet in enumerate(QUESTION.packets[:packets]):
        tape.audio_sent([packet], index * 20 * MS, (index + 1) * 20 * MS)


def test_the_packets_are_read_back_byte_for_byte(tmp_path: Path) -> None:
    with record_into(tmp_path / "new", 0, pre_skip=120) as tape:
        speak(tape, 100)
    read = oggopus.read_packets(tmp_path / "new" / "audio.opus")
    assert read == oggopus.OpusFile(120, QUESTION.packets[:100], 100 * 960 - 120)
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert names == {"audio.opus", "audio.wav", "session.jsonl", "fixture.toml"}


def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    with pytest.raises(FixtureError) as refused, record_into(tmp_path, 0, pre_skip=120):
        pass
    assert str(refused.value) == f"{tmp_path}: holds something already; record into a new folder"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FixtureError, match="cannot be recorded into"), record_into(tmp_path / "file", 0, pre_skip=120):
        pass


def test_a_folder_in_which_nothing_can_be_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(FixtureError, match="into: Permission denied"), record_into(tmp_path, 0, pre_skip=120):
        pass


def test_a_folder_that_is_taken_away_while_nothing_is_recorded_is_said_as_much(tmp_path: Path) -> None:
    with pytest.raises(FixtureError, match="nothing was recorded"), record_into(tmp_path / "new", 0, pre_skip=120):
        shutil.rmtree(tmp_path / "new")


def test_a_recording_of_nothing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FixtureError, match="nothing was recorded"), record_into(tmp_path / "new", 0, pre_skip=120):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, asyncio.CancelledError, ConnectionError])
@pytest.mark.parametrize("packets", [0, 3, 100])
def test_however_a_session_ends_it_is_that_which_is_told(
    tmp_path: Path, error: type[BaseException], packets: int
) -> None:
    def session() -> None:
        with record_into(tmp_path / "new", 0, pre_skip=120) as tape:
            speak(tape, packets)
            raise error

    with pytest.raises(error):
        session()
    assert (tmp_path / "new" / "fixture.toml").exists() == (packets == 100)
    if packets == 100:
        assert lint.lint(tmp_path / "new") == []


KILLED = f"""
import os, signal, sys
from pathlib import Path
from voicecli.oggopus import read_packets
from voicecli.tape import record_into
packets = read_packets(Path({str(FIXTURES / "question-weather" / "audio.opus")!r})).packets
with record_into(Path(sys.argv[1]), 0, pre_skip=120) as tape:
    for index, packet in enumerate(packets[:105]):
        tape.audio_sent([packet], index * 20_000_000, (index + 1) * 20_000_000)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_crash_leaves_lacks_no_more_than_a_page_and_can_be_finished(tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    root = str(Path(__file__).parents[2])
    ended = subprocess.run([sys.executable, "-c", KILLED, str(folder)], cwd=root, check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert sum(entry.packets for entry in journal.read(folder).audio) == 105
    (problem,) = lint.lint(folder)
    assert problem.reason == (f"missing; the recording was cut off, finish it with `voicecli record --finish {folder}`")
    draft.finish(folder)
    assert oggopus.read_packets(folder / "audio.opus").packets == QUESTION.packets[:100]
    assert lint.lint(folder) == []

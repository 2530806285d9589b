"""What the client plays, measured in the audio graph; by a scripted server."""

from collections.abc import Callable
from functools import partial
from statistics import median
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.browser.conftest import PCM, RAW, Caller, Page, speech, speech_end
from voiceaudio.opus import OpusEncoder
from voicewire.clock import NS_PER_MS, SystemClock
from voicewire.formats import AudioFormat, Codec
from voicewire.frames import AudioFrame, FrameKind, pack_packets
from voicewire.messages import (
    AudioAck,
    CancelReason,
    Interrupt,
    Playback,
    ReplyCancelled,
    ReplyPaused,
    ReplyResumed,
    TextInput,
    TranscriptFinal,
    TurnEnd,
    TurnOutcome,
)

OpenPage = Callable[..., Page]
Scripted = Callable[[Callable[[Caller], None]], str]
MS = 48
"""Frames of the audio graph in a millisecond."""
FADE = 5 * MS
PAUSE = Event()
"""Never set: only waited for."""


def sounds(page: Page, *, pause_ms: int) -> NDArray[np.int64]:
    """Where each sound begins and ends that lies between such pauses: rows of two frames."""
    frames, _ = page.heard()
    breaks = np.flatnonzero(np.diff(frames) > 1 + pause_ms * MS)
    begins, ends = np.append(frames[0], frames[breaks + 1]), np.append(frames[breaks], frames[-1])
    return np.stack([begins, ends + 1], axis=1)


ARRIVALS = """
window.WebSocket = class extends WebSocket {
  constructor(...how) {
    super(...how);
    this.addEventListener("message", ({ data }) => {
      if (typeof data === "string" && data.includes('"reply_cancelled"')) cancelled.push(tapContext.currentTime);
    });
  }
};
"""
"""Notes where the audio graph is when a cancellation comes out of the socket, before the client sees it."""


@pytest.mark.parametrize(("thread", "by"), [("main", "server"), ("worker", "user")])
def test_a_cancelled_reply_is_silent_within_20_ms_and_the_rest_of_it_is_not_heard(
    open_page: OpenPage, scripted: Scripted, thread: str, by: str
) -> None:
    turns = range(1, 6)
    callers: list[Caller] = []

    def reply(caller: Caller, turn: int) -> None:
        caller.send(TranscriptFinal(turn_id=turn, text="go on"), *speech(turn, sequence=0, ms=1_000))
        if by == "server":
            caller.listen(lambda: any(playback.played_ms > 60 for playback in reports(caller, turn)))
            PAUSE.wait(0.07)
        else:
            caller.listen(lambda: len(caller.told(Interrupt)) == turn)
        caller.send(*speech(turn, sequence=50, ms=400, start_ms=1_000))
        cancelled = ReplyCancelled(turn_id=turn, reason=CancelReason.INTERRUPT, heard_ms=0, heard_text="")
        caller.send(cancelled, *speech(turn, sequence=70, ms=400, start_ms=1_400))
        caller.send(TurnEnd(turn_id=turn, outcome=TurnOutcome.CANCELLED))
        caller.listen(lambda: reports(caller, turn)[-1].buffered_ms == 0)
        PAUSE.wait(0.15)

    def talk(caller: Caller) -> None:
        callers.append(caller)
        caller.open(output=PCM)
        caller.listen(lambda: caller.told(TextInput) != [])
        for turn in turns:
            reply(caller, turn)
        caller.send(TranscriptFinal(turn_id=6, text="thanks"), *speech(6, sequence=90, ms=100))
        caller.send(speech_end(6, sequence=95, ms=100))
        caller.listen()

    init = "window.cancelled = [];" + (ARRIVALS if by == "server" else "")
    page = open_page(None, url=scripted(talk), microphone=False, thread=thread, tap=True, init=init)
    page.start()
    page.until("window.tapReady")
    page.run("client.sendText('begin')")
    if by == "user":
        for turn in turns:
            page.until_event(f"type === 'playback' && detail.turnId === {turn} && detail.playedMs > 60")
            page.after_ms(70)
            page.run("cancelled.push(tapContext.currentTime), client.interrupt()")
    page.until_event("type === 'playback' && detail.turnId === 6 && detail.playedMs === 100 && !detail.playing")

    heard = sounds(page, pause_ms=50)
    assert len(heard) == 6
    assert heard[5, 1] - heard[5, 0] >= 100 * MS
    [caller] = callers
    cancelled = np.round(48_000 * np.array(page.run("cancelled")))
    silent_after = heard[:5, 1] - cancelled
    # In each of them; a machine that stands still for a moment may spoil one.
    assert median(silent_after) <= 20 * MS
    assert max(silent_after) <= 100 * MS
    lasts = [reports(caller, turn)[-1] for turn in turns]
    assert [playback.buffered_ms for playback in lasts] == [0] * 5
    played_ms = [playback.played_ms for playback in lasts]
    in_the_ear_ms = (cancelled - heard[:5, 0]) / MS - page.stats()["outputLatencyMs"]
    assert abs(median(played_ms - in_the_ear_ms)) < 15
    if by == "user":
        assert [interrupt.played_ms for interrupt in caller.told(Interrupt)] == played_ms


def reports(caller: Caller, turn: int) -> list[Playback]:
    return [playback for playback in caller.told(Playback) if playback.turn_id == turn]


def has_played(caller: Caller, played_ms: float) -> bool:
    return any(report.played_ms > played_ms for report in reports(caller, 1))


def rising(turn_id: int, *, ms: int, codec: Codec) -> list[AudioFrame]:
    """A reply in frames of 20 ms. Each sample tells its place; Opus has a tone, which tells only how long it is."""
    places = np.arange(ms * MS)
    if codec is Codec.OPUS:
        pcm = (8_192 * np.sin(2 * np.pi * 400 / 48_000 * places)).astype("<i2").tobytes()
        packets = OpusEncoder(48_000).encode(pcm)
        payloads = [pack_packets([packet]) for packet in packets]
    else:
        pcm = (places % 20_000 + 10_000).astype("<i2").tobytes()
        payloads = [pcm[at : at + 1_920] for at in range(0, len(pcm), 1_920)]
    kind = FrameKind.TTS_AUDIO_CHUNK
    return [AudioFrame(kind, codec, turn_id, at, at * 960, payload) for at, payload in enumerate(payloads)]


@pytest.mark.parametrize(
    ("thread", "codec"),
    [("main", Codec.PCM_S16LE), ("worker", Codec.PCM_S16LE), ("main", Codec.OPUS), ("worker", Codec.OPUS)],
)
def test_a_paused_reply_is_silent_within_a_fade_and_goes_on_with_the_very_next_sample(
    open_page: OpenPage, scripted: Scripted, thread: str, codec: Codec
) -> None:
    callers: list[Caller] = []
    pauses = 3
    total_ms = 1_000

    def talk(caller: Caller) -> None:
        callers.append(caller)
        caller.open(output=AudioFormat(codec, 48_000))
        caller.listen(lambda: caller.told(TextInput) != [])
        frames = rising(1, ms=total_ms, codec=codec)
        caller.send(TranscriptFinal(turn_id=1, text="go on"), *frames[:20])
        for number in range(pauses):
            caller.listen(partial(has_played, caller, 80 + 250 * number))
            caller.send(ReplyPaused(turn_id=1))
            PAUSE.wait(0.15)
            # What comes meanwhile waits behind what was there.
            caller.send(*frames[20 + 10 * number : 30 + 10 * number])
            PAUSE.wait(0.15)
            caller.send(ReplyResumed(turn_id=1))
        caller.send(*frames[20 + 10 * pauses :])
        end = AudioFrame(FrameKind.TTS_AUDIO_CHUNK, codec, 1, len(frames), len(frames) * 960, b"")
        caller.send(end, ReplyPaused(turn_id=9))
        caller.listen()

    init = "window.cancelled = [];" + ARRIVALS.replace("reply_cancelled", "reply_paused")
    page = open_page(None, url=scripted(talk), microphone=False, thread=thread, tap=True, init=init)
    page.start()
    page.until("window.tapReady")
    page.run("client.sendText('begin')")
    page.until_event("type === 'playback' && detail.turnId === 1 && detail.playedMs >= 1000 && !detail.playing")

    _, samples = page.heard()
    heard = sounds(page, pause_ms=100)
    assert len(heard) == pauses + 1
    lengths = np.diff(heard)[:, 0]
    decoded = (samples * 32_768).round()
    assert page.stats()["underruns"] == 0
    if codec is Codec.PCM_S16LE:
        # None is lost and none twice: each is as loud as it was sent, but for the fades.
        assert len(samples) == total_ms * MS
        sent = np.arange(total_ms * MS) % 20_000 + 10_000
        edges = np.cumsum(lengths)[:-1]
        near = np.zeros(len(samples), bool)
        for edge in edges:
            near[edge - FADE : edge + FADE] = True
            falling, rising_again = decoded[edge - FADE : edge], decoded[edge : edge + FADE]
            gain = np.arange(FADE, 0, -1) / FADE
            assert np.abs(falling - sent[edge - FADE : edge] * gain).max() <= 1
            assert np.abs(rising_again - sent[edge : edge + FADE] * gain[::-1]).max() <= 1
        assert (decoded[~near] == sent[~near]).all()
    else:
        # A tone crosses zero, and its codec has a delay: its length tells that nothing was lost.
        assert abs(lengths.sum() - len(rising(1, ms=total_ms, codec=codec)) * 960) <= 6 * MS
    if thread == "main":
        paused = np.round(48_000 * np.array(page.run("cancelled"))[:pauses])
        silent_after = heard[:pauses, 1] - paused
        assert median(silent_after) <= 20 * MS
    [caller] = callers
    told = [each.played_ms for each in reports(caller, 1)]
    assert told == sorted(told)
    assert page.events("playback")[-1]["paused"] is False
    assert any(each["paused"] and not each["playing"] for each in page.events("playback"))
    assert "listening" not in page.states()[page.states().index("speaking") : -1]
    assert page.states().count("speaking") == 1


def test_playing_survives_jitter_with_a_lead_that_adapts_and_a_truthful_playhead(
    open_page: OpenPage, scripted: Scripted
) -> None:
    log: list[tuple[int, Playback]] = []
    """Of each report: how many ms of its turn had been sent."""
    sent_ms = 0

    def talk(caller: Caller) -> None:
        nonlocal sent_ms

        def send(turn: int, ms: int) -> None:
            nonlocal sent_ms
            caller.send(*speech(turn, sequence=0, ms=ms, start_ms=sent_ms))
            sent_ms += ms

        def await_report(condition: Callable[[Playback], bool]) -> None:
            while True:
                received = caller.receive()
                if isinstance(received, Playback):
                    log.append((sent_ms, received))
                    if condition(received):
                        return

        caller.open(output=PCM)
        caller.listen(lambda: caller.told(TextInput) != [])
        caller.send(TranscriptFinal(turn_id=1, text="go on"))
        for _ in range(5):
            send(1, 20)
            await_report(lambda playback: playback.buffered_ms == 0)
        send(1, 200)
        caller.send(speech_end(1, sequence=0, ms=300))
        await_report(lambda playback: playback.played_ms == 300)
        caller.send(TurnEnd(turn_id=1, outcome=TurnOutcome.COMPLETED))
        sent_ms = 0
        caller.send(TranscriptFinal(turn_id=2, text="go on"))
        send(2, 20)
        PAUSE.wait(0.06)
        send(2, 380)
        caller.send(speech_end(2, sequence=0, ms=400))
        await_report(lambda playback: playback.played_ms == 400)
        caller.listen()

    page = open_page(None, url=scripted(talk), microphone=False, tap=True)
    page.start()
    page.until("window.tapReady")
    page.run("client.sendText('begin')")
    page.until_event("type === 'playback' && detail.turnId === 2 && detail.playedMs === 400 && !detail.playing")
    page.until_stats("leadMs === 150")

    assert 200 in [figures["leadMs"] for figures in page.events("stats")], "before a reply that went well"
    assert page.stats()["underruns"] == 5
    heard = sounds(page, pause_ms=0)
    assert list(np.diff(heard)[:, 0] / MS) == [20, 20, 20, 20, 20, 200, 400]
    for turn, total_ms in [(1, 300), (2, 400)]:
        told = [(sent, playback) for sent, playback in log if playback.turn_id == turn]
        played = [playback.played_ms for _, playback in told]
        assert played == sorted(played)
        assert all(playback.played_ms + playback.buffered_ms <= sent for sent, playback in told)
        assert (played[-1], told[-1][1].buffered_ms) == (total_ms, 0)


LEAD_MS = 100
BLOCKED_MS = 300


def now_ms() -> float:
    return SystemClock().now_ns() / NS_PER_MS


class Line:
    """A client's other end in real time: notes when frames of its microphone come, and sends replies a little ahead."""

    def __init__(self, level: float) -> None:
        self.level = level
        self.came_ms: list[float] = []
        self.busy = Event()

    def serve(self, caller: Caller) -> None:
        """Replies of a second each, up and down by turns: one when the one before was heard."""
        caller.open(output=PCM)
        caller.listen(self.busy.is_set)
        for turn in range(1, 60):
            level = self.level if turn % 2 else -self.level
            began_ms = now_ms()
            for at, frame in enumerate(speech(turn, sequence=0, ms=1_000, level=level)):
                while now_ms() < began_ms + 20 * at - LEAD_MS:
                    self.hear(caller)
                caller.send(frame)
            caller.send(speech_end(turn, sequence=50, ms=1_000))
            while all(report.played_ms < 1_000 for report in reports(caller, turn)):
                self.hear(caller)

    def hear(self, caller: Caller) -> None:
        """What the client says within 10 ms, if anything."""
        try:
            received = caller.receive(0.01)
        except TimeoutError:
            return
        if isinstance(received, AudioFrame):
            self.came_ms.append(now_ms())
            if received.sequence % 10 == 0:
                caller.send(AudioAck(sequence=received.sequence, position_ms=0))

    def gaps(self) -> int:
        """How often nothing came for two thirds of the time that the page is blocked."""
        return int(np.count_nonzero(np.diff(self.came_ms) > BLOCKED_MS * 2 / 3))

    def holes(self, blocks: NDArray[np.float64]) -> int:
        """How often a reply fell silent for 100 ms, in blocks that were played: rows of a frame and its sample."""
        frames, samples = blocks[np.abs(blocks[:, 1]) == self.level].T
        return int(np.count_nonzero((np.diff(frames) > 100 * MS) & (samples[1:] == samples[:-1])))


START_LINES = "lines => Promise.all(lines.map((options) => new VoiceClient(options).start()))"


def test_a_busy_page_holds_up_neither_microphone_nor_loudspeaker_of_a_client_in_a_worker(
    open_page: OpenPage, scripted: Scripted
) -> None:
    webcodecs, pcm, in_page = Line(0.5), Line(0.25), Line(0.125)
    page = open_page("monologue-20s", tap=True)
    page.page.evaluate(
        START_LINES,
        [
            {"url": scripted(line.serve), "thread": thread, "route": route, "constraints": RAW}
            for line, thread, route in [
                (webcodecs, "worker", "webcodecs"),
                (pcm, "worker", "pcm"),
                (in_page, "main", "webcodecs"),
            ]
        ],
    )
    page.run(f"block({BLOCKED_MS})")
    for line in (webcodecs, pcm, in_page):
        line.busy.set()
    page.after_ms(5_000)
    blocks = np.array(page.run("tapped.map(({frame, samples}) => [frame, samples[0]])"))

    # A client in the page is as busy as the page is: that is what the others are compared with.
    assert in_page.gaps() >= 3
    assert in_page.holes(blocks) >= 1
    for line in (webcodecs, pcm):
        assert len(line.came_ms) > 150
        assert line.gaps() <= in_page.gaps() / 2
        assert line.holes(blocks) <= in_page.holes(blocks) / 2

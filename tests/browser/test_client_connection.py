"""What the client does when the server stalls, the connection drops or the microphone is gone; by a scripted server."""

import io
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.browser.conftest import PCM, RAMP_S, Caller, speech, speech_end
from voicewire.errors import ErrorCode
from voicewire.frames import AudioFrame
from voicewire.messages import Error, Playback, SessionStart, TextInput, TranscriptFinal

OpenPage = Callable[..., Any]
Scripted = Callable[[Callable[[Caller], None]], str]
WAIT_S = 20
FRAME_SAMPLES = 320
"""20 ms at 16 kHz."""
SILENT_WITHIN = 960
"""20 ms at 48 kHz."""


def recorded_s(frame: AudioFrame) -> float:
    """When a frame of the ramp was recorded, since the microphone was opened."""
    return float(np.frombuffer(frame.payload, "<i2")[-1]) / 32_767 * RAMP_S


def gaps(frames: list[AudioFrame]) -> list[int]:
    """How many frames were left out, where some were."""
    steps = np.diff([frame.sequence for frame in frames]) - 1
    return [int(step) for step in steps if step != 0]


def test_a_stalled_server_makes_the_client_shed_and_later_recover(
    open_page: OpenPage, scripted: Scripted, ramp: Path
) -> None:
    callers: list[Caller] = []
    resumed = Event()

    def stall(caller: Caller) -> None:
        callers.append(caller)
        caller.open(output=PCM)
        caller.listen(lambda: len(caller.frames) >= 20)
        assert resumed.wait(WAIT_S)
        caller.listen()

    page = open_page(ramp, url=scripted(stall), route="pcm")
    page.start()
    page.until_stats("shedMs >= 1000")
    assert page.stats()["slowNetwork"]
    resumed.set()
    page.until_stats("!slowNetwork")
    page.after_ms(600)

    figures = page.events("stats")
    assert max(each["uplinkMs"] for each in figures) == 2_000
    assert 980 <= max(each["queuedMs"] for each in figures) <= 1_000
    frames = callers[0].frames
    [gap] = gaps(frames)
    assert frames[20 + 100].sequence == 20 + 100 + gap, "behind what was acknowledged and two seconds more"
    assert gap * 20 == figures[-1]["shedMs"] >= 1_000
    assert [frame.pts for frame in frames] == [frame.sequence * FRAME_SAMPLES for frame in frames]
    late_s = np.array([recorded_s(frame) - frame.pts / 16_000 for frame in frames])
    assert np.ptp(late_s) < 0.3, "what was recorded when its position says"
    assert len(frames) >= 100 + 50 + 25, "what had been sent, what waited, and what came later"


def test_a_stalled_server_makes_a_recorder_pause_and_its_stream_stays_whole(
    open_page: OpenPage, scripted: Scripted
) -> None:
    callers: list[Caller] = []
    resumed = Event()

    def stall(caller: Caller) -> None:
        callers.append(caller)
        caller.open(output=PCM)
        caller.listen(lambda: len(caller.frames) >= 5)
        assert resumed.wait(WAIT_S)
        caller.listen(each=1)

    page = open_page("monologue-20s", url=scripted(stall), route="mediarecorder")
    page.start()
    page.until_stats("queuedMs >= 1000")
    page.after_ms(1_000)
    resumed.set()
    page.until_stats("!slowNetwork && shedMs > 0")
    page.after_ms(600)

    figures = page.events("stats")
    # A recorder that is paused still gives the piece that it was at.
    assert max(each["uplinkMs"] for each in figures) < 2_300
    assert max(each["queuedMs"] for each in figures) < 1_400
    frames = callers[0].frames
    [gap] = gaps(frames)
    assert gap == round(figures[-1]["shedMs"] / 100) >= 10
    stream = io.BytesIO(b"".join(frame.payload for frame in frames))
    with av.open(stream, "r", format="matroska") as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size]
    steps_ms = np.diff([packet.pts for packet in packets])
    assert len(packets) > 2_000 / 60
    assert steps_ms.max() < 100, "packets of 60 ms, none left out"


@pytest.mark.parametrize("route", ["webcodecs", "mediarecorder"])
def test_a_dropped_connection_is_resumed_and_nothing_is_spoken_twice(
    open_page: OpenPage, scripted: Scripted, route: str
) -> None:
    callers: list[Caller] = []
    starts: list[SessionStart] = []
    typed = Event()

    def converse(caller: Caller) -> None:
        callers.append(caller)
        start = caller.receive()
        assert isinstance(start, SessionStart)
        starts.append(start)
        if len(callers) == 2:
            assert typed.wait(WAIT_S)
        caller.accept(start, output=PCM, token=f"resume {len(callers)}")
        match len(callers):
            case 1:
                caller.listen(lambda: len(caller.frames) >= 3)
                caller.send(TranscriptFinal(turn_id=1, text="hello"), *speech(1, sequence=0, ms=2_000, level=0.5))
                caller.listen(lambda: any(told.played_ms >= 200 for told in caller.told(Playback)))
                caller.drop()
            case 2:
                caller.send(TranscriptFinal(turn_id=1, text="hello"), *speech(1, sequence=0, ms=300, level=-0.25))
                caller.send(speech_end(1, sequence=15, ms=300))
                caller.listen(lambda: any(told.played_ms == 300 for told in caller.told(Playback)))
                caller.listen(lambda: len(caller.frames) >= 3)
                caller.drop()
            case _:
                caller.listen()

    page = open_page("silence", url=scripted(converse), route=route, tap=True)
    page.start()
    page.until_state("reconnecting")
    page.after_ms(300)
    page.run("client.sendText('are you there?')")
    typed.set()
    page.until("events.filter(({type, detail}) => type === 'message' && detail.type === 'session_ready').length === 3")
    page.after_ms(300)

    assert [start.resume_token for start in starts] == [None, "resume 1", "resume 2"]
    assert page.states()[-6:] == ["listening", "thinking", "speaking", "listening", "reconnecting", "listening"]
    frames, samples = page.heard()
    before, after = frames[samples > 0], frames[samples < 0]
    lost = page.frame_of("type === 'state' && detail.state === 'reconnecting'")
    assert len(before) >= 200 * 48
    assert before.max() < lost + SILENT_WITHIN
    assert after.min() > lost
    assert len(after) == 300 * 48
    assert [caller.told(TextInput) for caller in callers] == [[], [TextInput(text="are you there?")], []]
    sent = callers[1].frames
    assert [frame.sequence for frame in sent] == list(range(len(sent)))
    assert len(sent) >= 3
    if route == "mediarecorder":
        assert sent[0].payload.startswith(b"\x1a\x45\xdf\xa3"), "a new stream, header and all"


def test_a_session_that_ended_by_itself_is_gone_on_with_and_one_that_the_user_ended_is_not(
    open_page: OpenPage, scripted: Scripted
) -> None:
    starts: list[SessionStart] = []

    def converse(caller: Caller) -> None:
        start = caller.receive()
        assert isinstance(start, SessionStart)
        starts.append(start)
        caller.accept(start, output=PCM, token=f"resume {len(starts)}")
        if len(starts) == 1:
            caller.send(Error(code=ErrorCode.IDLE_TIMEOUT, message="nothing was said", fatal=True))
            caller.drop()
        caller.listen()

    page = open_page("silence", url=scripted(converse))
    page.start()
    page.until_state("closed")
    for ended in (1, 2):
        page.start()
        page.until_state("listening")
        page.run("client.disconnect()")
        assert page.states()[-1] == "closed", ended
    assert [start.resume_token for start in starts] == [None, "resume 1", None]


@pytest.mark.parametrize("thread", ["worker", "main"])
def test_the_end_that_the_user_wants_is_no_problem_and_nothing_is_told_after_it(
    open_page: OpenPage, scripted: Scripted, thread: str
) -> None:
    gone = Event()

    def speak(caller: Caller) -> None:
        caller.open(output=PCM)
        caller.send(TranscriptFinal(turn_id=1, text="hello"), *speech(1, sequence=0, ms=2_000))
        try:
            caller.listen()
        finally:
            gone.set()

    page = open_page("silence", url=scripted(speak), thread=thread)
    page.start()
    page.until_state("speaking")
    page.run("client.disconnect()")
    assert gone.wait(WAIT_S)
    # By now whatever the link has to say of its end has come: that is one message away, the server's goodbye two.
    assert page.events("problem") == []
    assert page.events("state")[-1] == {"state": "closed"}
    ended = "events.findLastIndex(({type}) => type === 'state')"
    assert page.run(f"events.slice({ended} + 1).map(({{type}}) => type)") == []


def test_attempts_to_connect_are_spread_out_and_a_refusal_ends_them(open_page: OpenPage, scripted: Scripted) -> None:
    callers: list[Caller] = []

    def refuse(caller: Caller) -> None:
        callers.append(caller)
        start = caller.receive()
        assert isinstance(start, SessionStart)
        match len(callers):
            case 1:
                caller.accept(start, output=PCM)
                caller.drop()
            case 2:
                caller.drop()
            case 3:
                caller.send(Error(code=ErrorCode.SERVER_FULL, message="no session is free", fatal=True))
            case _:
                caller.send(Error(code=ErrorCode.UNAUTHORIZED, message="the token has expired", fatal=True))

    page = open_page(None, url=scripted(refuse), microphone=False)
    page.start()
    problem = page.until_event("type === 'problem'")
    assert (problem["code"], problem["fatal"]) == ("unauthorized", True)
    page.after_ms(2_500)

    assert len(callers) == 4
    assert page.states() == ["connecting", "listening", "reconnecting", "closed"]
    attempts = page.events("reconnecting")
    assert [attempt["attempt"] for attempt in attempts] == [1, 2, 3]
    for attempt, longest_ms in zip(attempts, [250, 500, 1_000], strict=True):
        assert longest_ms / 2 <= attempt["delayMs"] <= longest_ms
    waits = page.run(WAITS)
    assert all(waited > attempt["delayMs"] / 2 for waited, attempt in zip(waits, attempts, strict=True))


WAITS = """events.flatMap(({type, atMs}, at) => type !== 'reconnecting' ? [] :
    [events.slice(at).find(({type, detail}) => type === 'sent' && detail.type === 'session_start').atMs - atMs])"""
"""From each time that the page was told of an attempt to the attempt."""


def test_a_refusal_at_first_is_told_and_not_tried_again(open_page: OpenPage, scripted: Scripted) -> None:
    callers: list[Caller] = []

    def refuse(caller: Caller) -> None:
        callers.append(caller)
        caller.receive()
        caller.send(Error(code=ErrorCode.UNAUTHORIZED, message="the token has expired", fatal=True))

    page = open_page(None, url=scripted(refuse), microphone=False)
    assert page.start()["problem"]["code"] == "unauthorized"
    page.after_ms(600)
    assert len(callers) == 1
    assert page.states() == ["connecting", "closed"]


def test_a_network_that_is_back_is_used_at_once(open_page: OpenPage, scripted: Scripted) -> None:
    callers: list[Caller] = []

    def drop(caller: Caller) -> None:
        callers.append(caller)
        start = caller.receive()
        assert isinstance(start, SessionStart)
        if len(callers) in (1, 6):
            caller.accept(start, output=PCM)
        if len(callers) < 6:
            caller.drop()
        caller.listen()

    page = open_page(None, url=scripted(drop), microphone=False)
    page.run("client.addEventListener('reconnecting', () => dispatchEvent(new Event('online')))")
    page.start()
    page.until("events.filter(({type}) => type === 'reconnecting').length === 5")
    page.until_state("listening")
    # The last of the waits would have been two seconds at least.
    assert page.run(WAITS)[-1] < page.events("reconnecting")[-1]["delayMs"]


MICROPHONES = """
const media = navigator.mediaDevices;
const real = media.getUserMedia.bind(media);
let absent = false;
let newest;
media.getUserMedia = async (constraints) => {
  if (absent) throw new DOMException("none", "NotFoundError");
  return (newest = await real(constraints));
};
window.unplug = ({ last }) => {
  absent = last;
  const [track] = newest.getAudioTracks();
  track.stop();
  track.dispatchEvent(new Event("ended"));
  media.dispatchEvent(new Event("devicechange"));
};
window.plug = () => {
  absent = false;
  media.dispatchEvent(new Event("devicechange"));
  media.dispatchEvent(new Event("devicechange"));
};
"""
"""A microphone that can be unplugged. A browser may tell the same change several times."""


def test_an_unplugged_microphone_is_told_and_the_next_one_goes_on(
    open_page: OpenPage, scripted: Scripted, ramp: Path
) -> None:
    callers: list[Caller] = []

    def hear(caller: Caller) -> None:
        callers.append(caller)
        caller.open(output=PCM)
        caller.listen()

    def recorded() -> NDArray[np.float64]:
        return np.array([recorded_s(frame) for frame in callers[0].frames])

    def starts() -> NDArray[np.intp]:
        """Where the recording begins anew. A browser that is short of processor time may hand out a silent block."""
        found = recorded()
        sounding = np.flatnonzero(found > 0)
        return sounding[1:][np.diff(found[sounding]) < -0.1]

    def until_heard(microphone: int) -> None:
        """A quarter of a second of it, counted from 0: each begins its recording anew."""
        for _ in range(200):
            if len(starts()) == microphone and recorded()[-1] > 0.25:
                return
            page.after_ms(50)
        pytest.fail(f"microphone {microphone} was not heard: {recorded()}")

    page = open_page(ramp, url=scripted(hear), route="pcm", init=MICROPHONES)
    page.start()
    until_heard(0)
    page.run("unplug({ last: false })")
    until_heard(1)
    page.run("unplug({ last: true })")
    page.until_event("type === 'problem' && detail.code === 'microphone_unplugged'")
    page.after_ms(400)
    page.run("plug()")
    until_heard(2)

    problems = page.events("problem")
    told = ["microphone_changed", "microphone_unplugged", "microphone_changed"]
    assert [problem["code"] for problem in problems] == told
    assert problems[1]["advice"].startswith("Connect it again, or choose another one.")
    assert page.states() == ["connecting", "listening"]
    [caller] = callers
    assert gaps(caller.frames) == []
    again, back = starts()
    assert np.count_nonzero(np.abs(recorded()[again:back]) < 0.001) >= 15


@pytest.mark.parametrize(
    ("arguments", "what", "advice"),
    [
        (["--use-fake-device-for-media-stream"], "The microphone is not allowed", "Allow it for this page"),
        ([], "No microphone was found", "Connect one, then start again."),
    ],
)
def test_without_a_microphone_the_page_says_what_to_do_and_one_can_type(
    launch: Callable[..., Any], voice_url: str, arguments: list[str], what: str, advice: str
) -> None:
    page = launch(*arguments).new_page()
    page.goto(voice_url.replace("ws:", "http:").removesuffix("voice"))
    page.click("#main-button")
    problem = page.locator("#problems .problem")
    assert problem.locator("strong").inner_text() == what
    assert advice in problem.inner_text()
    assert page.locator("#problems").get_attribute("role") == "alert"

    problem.get_by_role("button", name="Type instead").click()
    page.fill("#text", "hello there")
    page.press("#text", "Enter")
    # Whatever the time of day is.
    page.wait_for_selector("#turns .answer:has-text('Hello, and good ')")
    assert page.inner_text("#turns .user").endswith("hello there")
    assert problem.count() == 0

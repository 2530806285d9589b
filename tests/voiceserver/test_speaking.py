import asyncio
from collections.abc import Awaitable, Callable, Coroutine

import pytest

from tests.voiceserver.stages import LoudTts, TalkingLlm, virtually
from voicecli.calls.virtualtime import VirtualLoop
from voiceserver.engines.roles import ChatMessage, Speaker
from voiceserver.logs import SessionLog
from voiceserver.playhead import SpokenFrame
from voiceserver.reply import ReplySettings
from voiceserver.speaking import HeardReply, Speaking
from voicewire.errors import ErrorCode
from voicewire.formats import AudioFormat, Codec
from voicewire.marks import Mark

SETTINGS = ReplySettings(
    output=AudioFormat(Codec.PCM_S16LE, 24_000),
    locale="en-US",
    voice=None,
    lead_ms=500,
    overlapped=True,
    llm_timeout_ms=1000,
    tts_timeout_ms=1000,
)
CONVERSATION = (ChatMessage(Speaker.USER, "hello"),)


class Nobody:
    """Listens to nothing; the test asks instead."""

    def reply_marked(self, turn_id: int, mark: Mark, at_ns: int) -> None: ...
    def reply_token(self, turn_id: int, index: int, text: str) -> None: ...
    def reply_audio_queued(self, turn_id: int) -> None: ...
    def reply_failed(self, turn_id: int, code: ErrorCode, message: str) -> None: ...


Spawn = Callable[[Coroutine[None, None, None], str], "asyncio.Task[None]"]
Script = Callable[[Speaking, Spawn, VirtualLoop], Awaitable[None]]


def send(speaking: Speaking, turn_id: int, now_ns: int) -> list[SpokenFrame]:
    frames = speaking.release(now_ns)
    for frame in frames:
        speaking.written(turn_id, frame, now_ns)
    return frames


def speak(script: Script, reply: str = "Here is one.") -> None:
    """That takes 240 ms to say."""

    async def main(loop: VirtualLoop) -> None:
        tts = LoudTts()
        speaking = Speaking(TalkingLlm(reply), tts, SETTINGS, listener=Nobody(), clock=loop, log=SessionLog("s"))
        async with asyncio.TaskGroup() as tasks:
            await script(speaking, lambda work, name: tasks.create_task(work, name=name), loop)

    virtually(main)


def test_a_reply_is_released_heard_and_ended() -> None:
    async def script(speaking: Speaking, spawn: Spawn, loop: VirtualLoop) -> None:
        speaking.start(4, CONVERSATION, spawn)
        assert speaking.turn_id == 4
        await asyncio.sleep(0.01)
        frames = send(speaking, 4, loop.now_ns())
        assert sum(frame.samples for frame in frames) == 240 * 24
        assert frames[-1].payload == b""
        assert speaking.deadline() == 250_000_000
        assert not speaking.is_heard(249_999_999)
        assert speaking.is_heard(250_000_000)
        assert speaking.heard(250_000_000) == HeardReply(240.0, "Here is one.")
        reply = speaking.end()
        assert reply is not None
        assert reply.turn_id == 4
        assert speaking.turn_id is None
        await speaking.over()

    speak(script)


def test_what_was_heard_stays_what_it_was_when_the_reply_was_cancelled() -> None:
    async def script(speaking: Speaking, spawn: Spawn, loop: VirtualLoop) -> None:
        speaking.start(1, CONVERSATION, spawn)
        await asyncio.sleep(0.01)
        send(speaking, 1, loop.now_ns())
        await asyncio.sleep(0.1)
        speaking.cancel(loop.now_ns())
        await asyncio.sleep(10)
        speaking.played(1, 200.0, loop.now_ns())
        assert speaking.heard(loop.now_ns()).heard_ms == 100.0

    speak(script)


def test_a_playhead_of_another_turn_is_not_this_ones() -> None:
    async def script(speaking: Speaking, spawn: Spawn, loop: VirtualLoop) -> None:
        speaking.start(2, CONVERSATION, spawn)
        await asyncio.sleep(0.01)
        send(speaking, 2, loop.now_ns())
        speaking.played(1, 200.0, loop.now_ns())
        assert speaking.heard(loop.now_ns()).heard_ms == 0.0
        speaking.played(2, 200.0, loop.now_ns())
        assert speaking.heard(loop.now_ns()).heard_ms == 200.0

    speak(script)


@pytest.mark.parametrize(
    ("reply", "asks"),
    [
        ("And you?", True),
        ('He said: "And you?" ', True),
        ("Shall I book **it?**\r\n", True),
        ("Would you like that? 😊", True),
        ("Shall I go on? Just say so.", True),
        ("好吗？", True),
        ("هل تريد ذلك؟", True),
        ("Why is that? Because the sky scatters blue light the most.", False),
        ("And so it is.", False),
    ],
)
def test_a_reply_that_ends_with_a_question_asks(reply: str, asks: bool) -> None:
    async def script(speaking: Speaking, spawn: Spawn, loop: VirtualLoop) -> None:
        assert not speaking.asks
        speaking.start(1, CONVERSATION, spawn)
        await asyncio.sleep(0.01)
        assert speaking.asks == asks
        speaking.end()

    speak(script, reply)


def test_without_a_reply_there_is_nothing_to_send_and_nothing_was_heard() -> None:
    async def script(speaking: Speaking, spawn: Spawn, loop: VirtualLoop) -> None:
        assert speaking.release(0) == []
        assert not speaking.is_heard(0)
        assert speaking.deadline() is None
        assert speaking.heard(0) == HeardReply(0.0, "")
        assert speaking.end() is None
        await speaking.over()

    speak(script)


def test_the_ledger_of_a_session_has_its_turns_and_what_was_held_back_when_it_broke_off() -> None:
    async def script(speaking: Speaking, spawn: Spawn, loop: VirtualLoop) -> None:
        speaking.begin(1, 1, CONVERSATION, spawn, lambda: None)
        await asyncio.sleep(0.01)
        speaking.adopt(1, loop.now_ns())
        speaking.end()
        assert speaking.settle(1).hit == 1
        speaking.begin(2, 1, CONVERSATION, spawn, lambda: None)
        await asyncio.sleep(0.01)
        ledger = speaking.close()
        assert (ledger.started, ledger.hit, ledger.cancelled) == (2, 1, 1)
        assert (ledger.wasted_tokens, ledger.wasted_tts_ms) == (3, 240.0)

    speak(script)

"""Conversations acted out as events: what the screen's tests and the README's pictures show."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from voicecli.client.viewstate import ClockMeasured, MarkNoted, PlayheadMoved, ReplyScheduled
from voicecli.talking.problems import Problem
from voicecli.talking.talkstate import (
    DeviceLost,
    DeviceOpened,
    DevicesListed,
    EchoGuardChosen,
    LevelMeasured,
    MuteChanged,
    RecordingBegan,
    Role,
    SessionClosed,
    SessionConnecting,
    SessionReconnecting,
    SoundMeasured,
    TalkChanged,
    TalkEvent,
    TalkState,
    TextSent,
    talked,
)
from voicewire.clock import NS_PER_MS
from voicewire.errors import ErrorCode
from voicewire.formats import AudioFormat, Codec
from voicewire.marks import Mark
from voicewire.messages import (
    CancelReason,
    EngineInfo,
    Engines,
    Error,
    LlmToken,
    ReplyCancelled,
    SessionReady,
    SpeechStarted,
    SpeechStopped,
    Timing,
    TranscriptFinal,
    TranscriptPartial,
    TurnEnd,
    TurnOutcome,
)

MS = NS_PER_MS
AHEAD_MS = 5_000.0
"""The server's clock minus the client's."""

READY = SessionReady(
    session_id="s",
    resume_token="secret",
    input=AudioFormat(Codec.OPUS),
    output=AudioFormat(Codec.OPUS),
    engines=Engines(
        vad=EngineInfo("silero"), stt=EngineInfo("pocketsphinx"), llm=EngineInfo("scripted"), tts=EngineInfo("espeak")
    ),
    lead_ms=1500,
)
INPUTS = ("default", "USB Headset Mono", "HD Webcam C920")
OUTPUTS = ("default", "USB Headset Stereo", "HDMI 0")


class At(NamedTuple):
    t_ms: float
    event: TalkEvent


class Exchange(NamedTuple):
    """One turn, and the delays that make its waterfall."""

    turn_id: int
    question: str
    answer: str
    start_ms: float
    speech_end_ms: float
    endpointing_ms: float = 640.0
    llm_ms: float = 210.0
    tts_ms: float = 46.0


def connected() -> list[At]:
    return [
        At(0, SessionConnecting("ws://127.0.0.1:8080/voice")),
        At(20, DevicesListed(INPUTS, OUTPUTS)),
        At(30, DeviceOpened(Role.MICROPHONE, INPUTS[1])),
        At(31, DeviceOpened(Role.SPEAKER, OUTPUTS[1])),
        At(32, EchoGuardChosen("echo cancelled")),
        At(50, READY),
        At(60, ClockMeasured(round(AHEAD_MS * MS), 12_300_000)),
        At(70, SoundMeasured(40.0, 0.0, 0, 0.0)),
        At(80, LevelMeasured(-44.0)),
    ]


def spoken(exchange: Exchange) -> Iterator[At]:
    """The user speaks: up to half a sentence."""
    turn_id, words = exchange.turn_id, exchange.question.split()
    yield At(exchange.start_ms, SpeechStarted(turn_id=turn_id, position_ms=exchange.start_ms))
    yield At(exchange.start_ms + 300, mark(exchange, Mark.STT_FIRST_PARTIAL, exchange.start_ms + 290))
    for count in range(2, len(words) + 1, 2):
        text, stable = " ".join(words[:count]), len(" ".join(words[: max(0, count - 2)]))
        partial = TranscriptPartial(turn_id=turn_id, text=text, stable_chars=stable)
        yield At(exchange.start_ms + 200 * count, partial)
        yield At(exchange.start_ms + 200 * count, LevelMeasured(-19.0))


def committed(exchange: Exchange) -> Iterator[At]:
    """The server takes the turn; the model is asked."""
    end = exchange.speech_end_ms
    closed, commit = end + 230, end + exchange.endpointing_ms
    yield At(closed, SpeechStopped(turn_id=exchange.turn_id, position_ms=end + 12))
    yield At(closed, LevelMeasured(-52.0))
    yield At(closed, mark(exchange, Mark.AUDIO_LAST_SPEECH, end + 12))
    yield At(closed, mark(exchange, Mark.VAD_CLOSED, closed))
    yield At(closed + 15, mark(exchange, Mark.STT_FINAL, closed + 14))
    yield At(commit + 6, mark(exchange, Mark.TURN_COMMITTED, commit))
    yield At(commit + 6, TranscriptFinal(turn_id=exchange.turn_id, text=exchange.question))
    yield At(commit + 7, MarkNoted(exchange.turn_id, Mark.MIC_SPEECH_END, round(end * MS)))
    yield At(commit + 8, mark(exchange, Mark.LLM_REQUESTED, commit + 1))


def answered(exchange: Exchange, *, tokens: int | None = None) -> Iterator[At]:
    """The answer comes and is heard; of its tokens so many."""
    turn_id = exchange.turn_id
    token = exchange.speech_end_ms + exchange.endpointing_ms + 1 + exchange.llm_ms
    clause, audio = token + 38, token + 38 + exchange.tts_ms
    yield At(token + 6, mark(exchange, Mark.LLM_FIRST_TOKEN, token))
    words = exchange.answer.split(" ")
    for index, word in enumerate(words[:tokens]):
        piece = word if index == 0 else f" {word}"
        yield At(token + 6, LlmToken(turn_id=turn_id, index=index, text=piece))
    yield At(clause + 6, mark(exchange, Mark.TTS_REQUESTED, clause))
    yield At(audio + 6, mark(exchange, Mark.TTS_FIRST_AUDIO, audio))
    yield At(audio + 7, mark(exchange, Mark.REPLY_FIRST_FRAME_SENT, audio + 1))
    yield At(audio + 8, MarkNoted(turn_id, Mark.REPLY_FIRST_FRAME_RECEIVED, round((audio + 7) * MS)))
    yield At(audio + 8, ReplyScheduled(turn_id, round((audio + 40) * MS)))
    yield At(audio + 8, MarkNoted(turn_id, Mark.REPLY_FIRST_AUDIBLE, round((audio + 48) * MS)))
    yield At(audio + 500, PlayheadMoved(turn_id, 460.0, 180.0))
    yield At(audio + 500, SoundMeasured(40.0, 180.0, 0, 0.0))


def ended(exchange: Exchange, at_ms: float) -> At:
    return At(at_ms, TurnEnd(turn_id=exchange.turn_id, outcome=TurnOutcome.COMPLETED))


def mark(exchange: Exchange, which: Mark, at_ms: float) -> Timing:
    return Timing(turn_id=exchange.turn_id, mark=which, t_ms=at_ms + AHEAD_MS)


def typed(exchange: Exchange) -> list[At]:
    """A turn that was typed: it begins with its commit."""
    commit = exchange.speech_end_ms + exchange.endpointing_ms
    return [
        At(commit - 20, TextSent(exchange.question)),
        At(commit + 6, mark(exchange, Mark.TURN_COMMITTED, commit)),
        At(commit + 6, TranscriptFinal(turn_id=exchange.turn_id, text=exchange.question)),
        At(commit + 8, mark(exchange, Mark.LLM_REQUESTED, commit + 1)),
        *answered(exchange),
        ended(exchange, commit + 6_000),
    ]


WEATHER = Exchange(
    1,
    "what will the weather be like in london tomorrow",
    "Tomorrow London gets light rain in the morning and a dry afternoon, with a high of fourteen degrees.",
    1_000,
    3_400,
)
TIME = Exchange(
    2, "and what time is it there now", "It is a quarter past nine in the evening.", 12_000, 13_600, 655.0, 265.0
)
STORY = Exchange(
    3,
    "tell me a story about a lighthouse",
    "Once upon a time there was a lighthouse keeper who counted the ships each night. One winter evening a small boat "
    "came too near the rocks, and the lamp had just gone out.",
    20_000,
    21_800,
    634.0,
    198.0,
    52.0,
)


def whole(exchange: Exchange) -> list[At]:
    last = exchange.speech_end_ms + 6_000
    return [*spoken(exchange), *committed(exchange), *answered(exchange), ended(exchange, last)]


BEFORE = [*connected(), *whole(WEATHER), *whole(TIME)]
CUT_MS = 25_600
BARGE_IN = [
    *BEFORE,
    *spoken(STORY),
    *committed(STORY),
    *answered(STORY),
    At(CUT_MS, SpeechStarted(turn_id=4, position_ms=CUT_MS - 200)),
    At(CUT_MS + 10, LevelMeasured(-16.0)),
    At(
        CUT_MS + 20,
        ReplyCancelled(
            turn_id=3,
            reason=CancelReason.BARGE_IN,
            heard_ms=2_900,
            heard_text="Once upon a time there was a lighthouse keeper who counted",
        ),
    ),
    At(CUT_MS + 21, MarkNoted(3, Mark.BARGE_IN_SPEECH_START, (CUT_MS - 190) * MS)),
    At(CUT_MS + 21, MarkNoted(3, Mark.BARGE_IN_SILENCE, (CUT_MS + 38) * MS)),
    At(CUT_MS + 22, TurnEnd(turn_id=3, outcome=TurnOutcome.CANCELLED)),
    At(CUT_MS + 400, TranscriptPartial(turn_id=4, text="stop what is", stable_chars=4)),
]

SCENES: dict[str, list[At]] = {
    "connecting": connected()[:1],
    "listening": connected(),
    "hearing": [*connected(), *list(spoken(WEATHER))[:6]],
    "thinking": [*connected(), *spoken(WEATHER), *committed(WEATHER)],
    "speaking": [*BEFORE, *spoken(STORY), *committed(STORY), *answered(STORY, tokens=19)],
    "barge-in": BARGE_IN,
    "muted": [*BEFORE, At(20_000, MuteChanged(True))],
    "recording": [*BEFORE, At(20_000, RecordingBegan("/home/ada/recordings/first try"))],
    "device-lost": [
        *BEFORE,
        At(
            20_000,
            DeviceLost(
                Role.MICROPHONE,
                Problem("", "The microphone is gone.", "Connect it again, or choose another one with d."),
            ),
        ),
    ],
    "error": [
        *BEFORE,
        At(
            20_000, Error(code=ErrorCode.LLM_FAILED, message="the language model did not answer within 20 s", turn_id=2)
        ),
    ],
    "closed": [
        *BEFORE,
        At(20_000, SessionReconnecting(1, 500)),
        At(
            30_000,
            SessionClosed(Problem("connection_lost", "The connection is lost.", "Look whether the server runs.")),
        ),
    ],
}


def acted(script: Sequence[At], *, push_to_talk: bool = False) -> TalkState:
    state = TalkState(push_to_talk=push_to_talk, recording_offer="recordings/2026-01-30-0915")
    for t_ms, event in script:
        state = talked(state, event, round(t_ms * MS))
    return state


TALKING = [*connected(), At(500, TalkChanged(True)), At(600, LevelMeasured(-21.0))]
TYPED = [*BEFORE, At(20_000, TextSent("[bold]what[/] is \x1b[31mnew"))]

"""The latency vocabulary: marks (instants of a turn) and spans (named latencies between two marks)."""

from enum import StrEnum
from typing import NamedTuple


class ClockSide(StrEnum):
    """Whose clock an instant was read from. Instants of two clocks are never subtracted without the measured offset."""

    SERVER = "server"
    CLIENT = "client"


class Mark(StrEnum):
    """One instant in the life of a turn."""

    # server
    AUDIO_LAST_SPEECH = "audio.last_speech"
    """The last speech in the input audio: the VAD's end, dated back by its hangover."""
    VAD_CLOSED = "vad.closed"
    """The VAD decided that the speech is over."""
    STT_FIRST_PARTIAL = "stt.first_partial"
    """The recogniser's first words of the turn."""
    STT_FINAL = "stt.final"
    """The final transcript."""
    TURN_COMMITTED = "turn.committed"
    """The user's turn is over: it is going to be answered."""
    LLM_REQUESTED = "llm.requested"
    """The language model was asked."""
    LLM_FIRST_TOKEN = "llm.first_token"
    """The reply's first text."""
    LLM_DONE = "llm.done"
    """The reply's last text."""
    TTS_REQUESTED = "tts.requested"
    """The first text was handed to speech synthesis."""
    TTS_FIRST_AUDIO = "tts.first_audio"
    """Speech synthesis gave its first audio."""
    TTS_DONE = "tts.done"
    """Speech synthesis gave its last audio."""
    REPLY_FIRST_FRAME_SENT = "reply.first_frame_sent"
    """The first frame of the reply's audio was handed to the socket."""
    # client
    MIC_SPEECH_END = "mic.speech_end"
    """The end of the user's speech, known from the fixture, or dated back by the client."""
    REPLY_FIRST_FRAME_RECEIVED = "reply.first_frame_received"
    """The first frame of the reply's audio arrived."""
    REPLY_FIRST_AUDIBLE = "reply.first_audible"
    """The first sample of the reply that can be heard, played out."""
    BARGE_IN_SPEECH_START = "barge_in.speech_start"
    """The user began to speak over the reply."""
    BARGE_IN_SILENCE = "barge_in.silence"
    """The last sample of the cancelled reply that could be heard."""

    @property
    def side(self) -> ClockSide:
        return ClockSide.CLIENT if self in _CLIENT_MARKS else ClockSide.SERVER


_CLIENT_MARKS = frozenset(
    {
        Mark.MIC_SPEECH_END,
        Mark.REPLY_FIRST_FRAME_RECEIVED,
        Mark.REPLY_FIRST_AUDIBLE,
        Mark.BARGE_IN_SPEECH_START,
        Mark.BARGE_IN_SILENCE,
    }
)


class Span(NamedTuple):
    """A named latency: from one mark to another, both read on the same side."""

    name: str
    title: str
    start: Mark
    end: Mark


ENDPOINTING_DELAY = Span("endpointing_delay", "endpointing delay", Mark.AUDIO_LAST_SPEECH, Mark.TURN_COMMITTED)
STT_FINALIZATION = Span("stt_finalization", "STT finalization", Mark.VAD_CLOSED, Mark.STT_FINAL)
TTFT = Span("ttft", "TTFT", Mark.LLM_REQUESTED, Mark.LLM_FIRST_TOKEN)
TTS_TTFB = Span("tts_ttfb", "TTS TTFB", Mark.TTS_REQUESTED, Mark.TTS_FIRST_AUDIO)
SERVER_TURNAROUND = Span("server_turnaround", "server turnaround", Mark.AUDIO_LAST_SPEECH, Mark.REPLY_FIRST_FRAME_SENT)
VOICE_TO_VOICE = Span("voice_to_voice", "voice-to-voice", Mark.MIC_SPEECH_END, Mark.REPLY_FIRST_AUDIBLE)
BARGE_IN_STOP = Span("barge_in_stop", "barge-in stop", Mark.BARGE_IN_SPEECH_START, Mark.BARGE_IN_SILENCE)

SPANS = (
    VOICE_TO_VOICE,
    ENDPOINTING_DELAY,
    STT_FINALIZATION,
    TTFT,
    TTS_TTFB,
    SERVER_TURNAROUND,
    BARGE_IN_STOP,
)

ORDER: tuple[tuple[Mark, Mark], ...] = (
    (Mark.AUDIO_LAST_SPEECH, Mark.VAD_CLOSED),
    (Mark.VAD_CLOSED, Mark.STT_FINAL),
    (Mark.STT_FIRST_PARTIAL, Mark.STT_FINAL),
    (Mark.VAD_CLOSED, Mark.TURN_COMMITTED),
    (Mark.STT_FINAL, Mark.TURN_COMMITTED),
    (Mark.LLM_REQUESTED, Mark.LLM_FIRST_TOKEN),
    (Mark.LLM_FIRST_TOKEN, Mark.LLM_DONE),
    (Mark.LLM_FIRST_TOKEN, Mark.TTS_REQUESTED),
    (Mark.TTS_REQUESTED, Mark.TTS_FIRST_AUDIO),
    (Mark.TTS_FIRST_AUDIO, Mark.TTS_DONE),
    (Mark.LLM_DONE, Mark.TTS_DONE),
    (Mark.TURN_COMMITTED, Mark.REPLY_FIRST_FRAME_SENT),
    (Mark.TTS_FIRST_AUDIO, Mark.REPLY_FIRST_FRAME_SENT),
    (Mark.REPLY_FIRST_FRAME_RECEIVED, Mark.REPLY_FIRST_AUDIBLE),
    (Mark.BARGE_IN_SPEECH_START, Mark.BARGE_IN_SILENCE),
)
"""Pairs of marks of one clock of which the first can never come after the second.

`turn.committed` and `llm.requested` are no pair: speculation may ask the LLM before the turn is committed.
"""

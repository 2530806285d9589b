"""One session's microphone: frames in, what was heard out, told to a listener in the order it was spoken."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from voiceserver.ear import Ear, EarEvent, EarSettings, SpeechClosed, SpeechContinued, SpeechOpened
from voiceserver.engines.roles import Vad
from voiceserver.input_clock import InputClock
from voiceserver.intake import Ended, Heard, Intake, Trouble
from voiceserver.logs import SessionLog
from voicewire.clock import NS_PER_MS, Clock
from voicewire.errors import ErrorCode, ProtocolError
from voicewire.formats import AudioFormat
from voicewire.frames import AudioFrame

ACKNOWLEDGE_NS = 250 * NS_PER_MS

MAX_VAD_FAILURES = 3
"""A detector that raises is replaced; a session in which that happens more often ends."""


class HearingListener(Protocol):
    """Instants are on the server's clock, positions in the microphone audio."""

    def speech_opened(self, at_ns: int, position_ms: float, audio: bytes) -> None: ...
    def speech_continued(self, audio: bytes) -> None: ...
    def speech_closed(self, last_speech_ns: int, position_ms: float, audio: bytes) -> None: ...
    def audio_heard(self, until_ns: int, last_speech_ns: int | None) -> None: ...
    def audio_ended(self) -> None: ...
    def audio_acknowledged(self, sequence: int, position_ms: float) -> None: ...
    def hearing_failed(self, error: ProtocolError) -> None: ...


class HearingCounters(NamedTuple):
    heard_ms: float = 0.0
    vad_ms: float = 0.0
    """Of that, given to the VAD: the energy gate keeps silence from it."""
    speech_ms: float = 0.0
    """Of that, in segments of speech."""


class Hearing:
    """`feed` and `end` never wait; `run` is the task that decodes, listens and tells. Bounded by the intake's queue."""

    def __init__(
        self,
        audio_format: AudioFormat,
        vad: Vad,
        *,
        hangover_ms: int,
        listener: HearingListener,
        account: Callable[[float, int], None],
        clock: Clock,
        log: SessionLog,
    ) -> None:
        """`account` is told of audio that came out of a container, and may raise ProtocolError."""
        self._format = audio_format
        self._vad = vad
        self._settings = EarSettings(hangover_ms=hangover_ms, is_gated=not vad.hears_silence, end_lag_ms=vad.end_lag_ms)
        self._listener = listener
        self._account = account
        self._clock = clock
        self._log = log
        self._input_clock = InputClock(vad.sample_rate)
        self._ear = self._new_ear()
        # Last: a container's has a thread, which nobody would close if anything after it raised.
        self._intake = Intake(audio_format, vad.sample_rate)
        self._before = HearingCounters()
        """What ears before this one counted."""
        self._vad_failures = 0
        self._acknowledged_ns = 0

    @property
    def rate(self) -> int:
        """Of the audio that the listener is told of, in samples a second."""
        return self._vad.sample_rate

    @property
    def counters(self) -> HearingCounters:
        ear, before = self._ear, self._before
        return HearingCounters(
            before.heard_ms + self._ms(ear.heard_samples),
            before.vad_ms + self._ms(ear.vad_samples),
            before.speech_ms + self._ms(ear.speech_samples),
        )

    def feed(self, frame: AudioFrame, now_ns: int) -> None:
        """Raises ProtocolError where the payload breaks its codec's framing."""
        self._intake.feed(frame)
        self._input_clock.received(self._intake.position_samples, now_ns)

    def end(self) -> None:
        """The user stopped speaking: all that was fed is heard before `audio_ended` is told."""
        self._intake.end()

    async def run(self) -> None:
        try:
            async for event in self._intake:
                match event:
                    case Heard(start_sample, pcm):
                        self._hear(start_sample, pcm)
                    case Trouble(code, message):
                        self._listener.hearing_failed(ProtocolError(code, message))
                    case Ended():
                        self._tell(self._ear.end())
                        self._listener.audio_ended()
                        # The microphone may pause here: what comes next is not late by the length of the pause.
                        self._input_clock.restart()
        finally:
            self.close()

    def close_segment(self) -> None:
        """End the open segment with what was heard."""
        self._tell(self._ear.force_close())

    def close(self) -> None:
        """End a container's thread, also where `run` never began. Legal twice."""
        self._intake.close()

    def _hear(self, start_sample: int, pcm: bytes) -> None:
        now_ns = self._clock.now_ns()
        end_sample = start_sample + len(pcm) // 2
        self._input_clock.received(end_sample, now_ns)
        try:
            if self._format.codec.is_container:
                self._account(self._ms(len(pcm) // 2), now_ns)
            events = self._ear.hear(pcm, start_sample)
        except ProtocolError as error:
            self._listener.hearing_failed(error)
            return
        except Exception as error:
            self._log.exception("engine raised", stage="the VAD")
            events = self._replace_detector(error)
        self._tell(events)
        last_speech = self._ear.last_speech_sample
        last_speech_ns = None if last_speech is None else self._input_clock.at_ns(last_speech)
        self._listener.audio_heard(self._input_clock.at_ns(end_sample), last_speech_ns)
        if now_ns - self._acknowledged_ns >= ACKNOWLEDGE_NS and self._intake.sequence is not None:
            self._acknowledged_ns = now_ns
            self._listener.audio_acknowledged(self._intake.sequence, self._ms(end_sample))

    def _replace_detector(self, error: Exception) -> list[EarEvent]:
        """A fresh ear goes on where this one failed. The open segment ends here."""
        events = self._ear.force_close()
        self._before = self.counters
        self._ear = self._new_ear()
        self._vad_failures += 1
        fatal = self._vad_failures > MAX_VAD_FAILURES
        message = (
            f"speech detection failed: {error}" if str(error) else f"speech detection failed: {type(error).__name__}"
        )
        self._listener.hearing_failed(ProtocolError(ErrorCode.VAD_FAILED, message, fatal=fatal))
        return events

    def _tell(self, events: list[EarEvent]) -> None:
        for event in events:
            match event:
                case SpeechOpened(start_sample=start, audio=audio):
                    self._listener.speech_opened(self._input_clock.at_ns(start), self._ms(start), audio)
                case SpeechContinued(audio):
                    self._listener.speech_continued(audio)
                case SpeechClosed(last, audio):
                    self._listener.speech_closed(self._input_clock.at_ns(last), self._ms(last), audio)

    def _new_ear(self) -> Ear:
        return Ear(
            self._vad.detector(),
            sample_rate=self._vad.sample_rate,
            frame_samples=self._vad.frame_samples,
            settings=self._settings,
        )

    def _ms(self, samples: int) -> float:
        return samples * 1000 / self._vad.sample_rate

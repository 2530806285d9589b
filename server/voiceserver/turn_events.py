"""What happens to a turn, and what is to be done about it: the vocabulary of the turn machine and its shell."""

from typing import NamedTuple

from voicewire.errors import ErrorCode
from voicewire.marks import Mark
from voicewire.messages import CancelReason, TurnOutcome

# --- events, in the past tense


class SpeechStarted(NamedTuple):
    at_ns: int
    """When the first speech was spoken, on the server's clock; before the VAD could know of it."""
    position_ms: float = 0.0
    """The same in the microphone audio."""
    is_faint: bool = False
    """Much fainter than the user was so far."""
    reply_heard_ns: int = 0
    """Length of what the user had heard of the reply by then."""


class SpeechStopped(NamedTuple):
    last_speech_ns: int
    """When the last speech was spoken."""
    position_ms: float = 0.0
    """The same in the microphone audio."""


class AudioHeard(NamedTuple):
    """Microphone audio arrived, speech or not."""

    until_ns: int
    """When the newest sample was spoken."""
    last_speech_ns: int | None
    """When the newest speech of the open segment was spoken; None outside a segment."""
    is_faint: bool = False
    """The segment so far is much fainter than the user was."""


class AudioEnded(NamedTuple):
    """The client closed the turn. An open segment was stopped just before."""


class PartialTranscribed(NamedTuple):
    turn_id: int
    segment: int
    text: str
    stable_chars: int
    is_echo: bool = False
    """These are the words of the reply that is being heard: its echo in the microphone."""


class FinalTranscribed(NamedTuple):
    turn_id: int
    segment: int
    text: str
    is_echo: bool = False


class TurnJudged(NamedTuple):
    """A model of the end of turns has listened to the turn so far."""

    turn_id: int
    segment: int
    finished: float
    """Probability that the user has finished."""


class TranscriptionFailed(NamedTuple):
    turn_id: int
    segment: int
    message: str


class TextEntered(NamedTuple):
    text: str


class Interrupted(NamedTuple):
    turn_id: int


class ReplyFinished(NamedTuple):
    """The reply was heard to its end."""

    turn_id: int
    asks: bool = False
    """It ends with a question."""


class ReplyFailed(NamedTuple):
    turn_id: int
    code: ErrorCode
    message: str


class SpeculationFailed(NamedTuple):
    """An engine failed at an answer that is held back."""

    turn_id: int
    attempt: int


class SpeculationWasted(NamedTuple):
    """What an answer that was thrown away had cost."""

    tokens: int


class DeadlinePassed(NamedTuple):
    pass


Event = (
    SpeechStarted
    | SpeechStopped
    | AudioHeard
    | AudioEnded
    | PartialTranscribed
    | FinalTranscribed
    | TranscriptionFailed
    | TurnJudged
    | TextEntered
    | Interrupted
    | ReplyFinished
    | ReplyFailed
    | SpeculationFailed
    | SpeculationWasted
    | DeadlinePassed
)

# --- effects, in the imperative


class AnnounceSpeechStarted(NamedTuple):
    turn_id: int
    position_ms: float


class AnnounceSpeechStopped(NamedTuple):
    turn_id: int
    position_ms: float


class StartTranscription(NamedTuple):
    """Open a recogniser stream for a segment; the segment's audio goes into it until `FinishTranscription`."""

    turn_id: int
    segment: int


class FinishTranscription(NamedTuple):
    """The segment is over: ask for its final transcript."""

    turn_id: int
    segment: int


class CloseSegment(NamedTuple):
    """Microphone audio stopped coming in mid-speech: end the segment with what was heard. `SpeechStopped` follows."""


class AbandonTranscription(NamedTuple):
    """Cancel the turn's recogniser streams; nobody waits for them."""

    turn_id: int


class ReopenTurn(NamedTuple):
    """The user went on: what was noted of the end of speech is void."""

    turn_id: int


class ShowTranscript(NamedTuple):
    """Tell the client what was said so far."""

    turn_id: int
    text: str
    stable_chars: int


class JudgeTurn(NamedTuple):
    """Ask the model of the end of turns, where there is one; `TurnJudged` follows."""

    turn_id: int
    segment: int


class BeginSpeculation(NamedTuple):
    """Begin an answer to this, and hold it back: nothing of it is sent, and it does nothing that cannot be undone."""

    turn_id: int
    attempt: int
    text: str


class DropSpeculation(NamedTuple):
    """Throw away the answer that is held back."""

    turn_id: int
    attempt: int


class AdoptSpeculation(NamedTuple):
    """The turn is committed, and the answer held back is to what was said: give it."""

    turn_id: int
    attempt: int
    text: str


class StartReply(NamedTuple):
    """The turn is committed: answer this."""

    turn_id: int
    text: str


class PauseReply(NamedTuple):
    """The user may be speaking over the reply: silence it, and keep its place."""

    turn_id: int


class ResumeReply(NamedTuple):
    """It was no interruption: go on with the reply where it was."""

    turn_id: int


class CancelReply(NamedTuple):
    """Stop making and sending the reply, and throw away what was not sent."""

    turn_id: int
    reason: CancelReason


class EndTurn(NamedTuple):
    turn_id: int
    outcome: TurnOutcome


class ReportError(NamedTuple):
    turn_id: int
    code: ErrorCode
    message: str


class MarkInstant(NamedTuple):
    turn_id: int
    mark: Mark
    at_ns: int


Effect = (
    AnnounceSpeechStarted
    | AnnounceSpeechStopped
    | StartTranscription
    | FinishTranscription
    | CloseSegment
    | AbandonTranscription
    | ReopenTurn
    | ShowTranscript
    | JudgeTurn
    | BeginSpeculation
    | DropSpeculation
    | AdoptSpeculation
    | StartReply
    | PauseReply
    | ResumeReply
    | CancelReply
    | EndTurn
    | ReportError
    | MarkInstant
)

"""What went wrong in a conversation, as a person is told: what happened, and what to do."""

from typing import NamedTuple

from voicecli.client.transport import CallError
from voicewire.errors import ErrorCode
from voicewire.messages import Error


class Problem(NamedTuple):
    """Told on the screen until it is settled. There is one of each code at most."""

    code: str
    """Stable, to branch on: the protocol's, or the client's own."""
    title: str
    """What happened."""
    advice: str = ""
    """What to do."""
    lasting: bool = False
    """It is not over when a turn goes well again: a device is gone, or the session has ended."""
    detail: str = ""
    """The server's own sentence, where it names what is wrong."""


_AGAIN = "Start again; if it happens every time, tell whoever runs this server."
_OWN_FAULT = "voicecli and the server do not understand each other: update the older of the two."
_ONCE_MORE = "Say it once more."

_SENTENCES: dict[ErrorCode, tuple[str, str]] = {
    ErrorCode.MALFORMED_JSON: ("The server could not read a message.", _OWN_FAULT),
    ErrorCode.UNKNOWN_TYPE: ("The server does not know a message.", _OWN_FAULT),
    ErrorCode.INVALID_FIELD: ("The server did not accept a setting.", "Check what you have asked for."),
    ErrorCode.MALFORMED_FRAME: ("The server could not read some audio.", _OWN_FAULT),
    ErrorCode.MESSAGE_TOO_LARGE: ("That message was too long.", "Send a shorter text."),
    ErrorCode.NOT_STARTED: ("The session was not opened properly.", _OWN_FAULT),
    ErrorCode.ALREADY_STARTED: ("The session was opened twice.", _OWN_FAULT),
    ErrorCode.UNSUPPORTED_VERSION: ("voicecli and the server are of different versions.", "Update the older one."),
    ErrorCode.UNSUPPORTED_FORMAT: ("The server takes none of the audio formats offered.", "Choose another codec."),
    ErrorCode.WRONG_CODEC: ("Audio arrived in a form that was not agreed.", _OWN_FAULT),
    ErrorCode.BAD_SEQUENCE: ("Some audio arrived out of order.", _ONCE_MORE),
    ErrorCode.TOO_FAR_AHEAD: ("Audio was sent too fast and some of it was dropped.", _ONCE_MORE),
    ErrorCode.TOO_MANY_FRAMES: ("Audio was sent in too many pieces and some of it was dropped.", _ONCE_MORE),
    ErrorCode.CORRUPT_AUDIO: ("Some of what you said arrived damaged.", _ONCE_MORE),
    ErrorCode.OVERLOADED: (
        "The server is too busy to follow you, and missed some of what you said.",
        "Wait a moment and say it once more.",
    ),
    ErrorCode.UNAUTHORIZED: ("You are not allowed to use this server.", "Give its token; yours may have expired."),
    ErrorCode.VAD_FAILED: ("The server could not tell when you speak.", "Type instead, or start again."),
    ErrorCode.STT_FAILED: ("What you said could not be understood.", "Say it once more, or type it."),
    ErrorCode.LLM_FAILED: ("No answer could be found in time.", "Ask once more."),
    ErrorCode.TTS_FAILED: ("The answer could not be spoken.", "Ask once more, or choose another voice with --voice."),
    ErrorCode.SERVER_FULL: ("All lines are busy.", "Try again in a minute."),
    ErrorCode.TOO_MANY_SESSIONS: (
        "This network has all the sessions it may have.",
        "Close another one, then try again.",
    ),
    ErrorCode.SESSION_EXPIRED: (
        "The session has lasted as long as one may.",
        "The conversation can go on in another one.",
    ),
    ErrorCode.IDLE_TIMEOUT: (
        "The session ended because nothing was said for a while.",
        "The conversation can go on in another one.",
    ),
    ErrorCode.TAKEN_OVER: ("The conversation goes on in another connection.", "Go on there, or begin a new one here."),
    ErrorCode.GOING_AWAY: ("The server is shutting down.", "Try again in a minute."),
    ErrorCode.INTERNAL: ("Something went wrong on the server.", _AGAIN),
}

_NAME_THEIR_CAUSE = frozenset(
    {
        ErrorCode.INVALID_FIELD,
        ErrorCode.VAD_FAILED,
        ErrorCode.STT_FAILED,
        ErrorCode.LLM_FAILED,
        ErrorCode.TTS_FAILED,
    }
)
"""Of which the message tells the user more than the code does."""


def server_problem(error: Error) -> Problem:
    """An error of the server. Its code chooses the sentences."""
    title, advice = _SENTENCES[error.code]
    detail = sentence(error.message) if error.code in _NAME_THEIR_CAUSE else ""
    return Problem(error.code.value, title, advice, error.fatal, detail)


def ending(error: CallError) -> Problem:
    """Why a session is over: in the words for the server's reason, where it gave one."""
    if error.told is not None:
        return server_problem(error.told)
    return Problem("closed", sentence(str(error)), lasting=True)


def sentence(text: str) -> str:
    """From what may be a part of one: capital letter, full stop."""
    stop = "" if text.endswith((".", "?", "!")) or not text else "."
    return f"{text[:1].upper()}{text[1:]}{stop}"


BEGAN_ANEW = Problem("began_anew", "The conversation began anew.", "The server does not remember what was said before.")
GOING_AWAY = Problem("going_away", "The server is about to restart.", "Finish what you are saying.", lasting=True)

"""What is told of a reply that is held back: nothing, until it is given."""

from collections.abc import Callable

from voiceserver.reply import ReplyListener
from voicewire.errors import ErrorCode
from voicewire.marks import Mark


class HeldBack:
    """A ReplyListener that keeps marks and tokens for another until it is opened, and then passes all on.

    Bounded by the reply, which goes no further than its first clauses while it is held. A failure is told at once, to
    `on_failure`: there is nobody yet to apologise to.
    """

    def __init__(self, listener: ReplyListener, on_failure: Callable[[], None]) -> None:
        self._listener = listener
        self._on_failure = on_failure
        self._is_open = False
        self._notes: list[Callable[[], None]] = []
        self._marks: dict[Mark, int] = {}

    def at(self, mark: Mark) -> int | None:
        """When it happened; None where it has not."""
        return self._marks.get(mark)

    def open(self) -> None:
        """The reply is given."""
        self._is_open = True
        notes, self._notes = self._notes, []
        for note in notes:
            note()

    def reply_marked(self, turn_id: int, mark: Mark, at_ns: int) -> None:
        self._marks[mark] = at_ns
        self._note(lambda: self._listener.reply_marked(turn_id, mark, at_ns))

    def reply_token(self, turn_id: int, index: int, text: str) -> None:
        self._note(lambda: self._listener.reply_token(turn_id, index, text))

    def reply_audio_queued(self, turn_id: int) -> None:
        if self._is_open:
            self._listener.reply_audio_queued(turn_id)

    def reply_failed(self, turn_id: int, code: ErrorCode, message: str) -> None:
        if self._is_open:
            self._listener.reply_failed(turn_id, code, message)
        else:
            self._on_failure()

    def _note(self, note: Callable[[], None]) -> None:
        if self._is_open:
            note()
        else:
            self._notes.append(note)

from voiceserver.held import HeldBack
from voicewire.errors import ErrorCode
from voicewire.marks import Mark


class Listener:
    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def reply_marked(self, turn_id: int, mark: Mark, at_ns: int) -> None:
        self.told.append((turn_id, mark, at_ns))

    def reply_token(self, turn_id: int, index: int, text: str) -> None:
        self.told.append((turn_id, index, text))

    def reply_audio_queued(self, turn_id: int) -> None:
        self.told.append((turn_id, "audio"))

    def reply_failed(self, turn_id: int, code: ErrorCode, message: str) -> None:
        self.told.append((turn_id, code, message))


def test_nothing_is_told_before_it_is_opened_then_all_in_order() -> None:
    listener = Listener()
    held = HeldBack(listener, lambda: None)
    held.reply_marked(3, Mark.LLM_REQUESTED, 10)
    held.reply_token(3, 0, "It ")
    held.reply_audio_queued(3)
    assert listener.told == []
    assert (held.at(Mark.LLM_REQUESTED), held.at(Mark.TTS_FIRST_AUDIO)) == (10, None)
    held.open()
    held.reply_token(3, 1, "is")
    held.reply_audio_queued(3)
    assert listener.told == [(3, Mark.LLM_REQUESTED, 10), (3, 0, "It "), (3, 1, "is"), (3, "audio")]


def test_a_failure_is_told_apart_until_it_is_opened() -> None:
    listener = Listener()
    failures: list[str] = []
    held = HeldBack(listener, lambda: failures.append("failed"))
    held.reply_failed(3, ErrorCode.LLM_FAILED, "gone")
    assert (failures, listener.told) == (["failed"], [])
    held.open()
    held.reply_failed(3, ErrorCode.LLM_FAILED, "gone")
    assert (failures, listener.told) == (["failed"], [(3, ErrorCode.LLM_FAILED, "gone")])

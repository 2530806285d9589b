"""The client's own marks of a conversation: when the user stopped and began to speak, when a reply fell silent.

Where in the microphone's audio that was, the server tells; when that audio was captured, and when which sample was
played, is known here. So these marks are of the client's clock and of the audio itself.
"""

from collections.abc import Iterator
from typing import NamedTuple

from voicecli.client.viewstate import MarkNoted, ViewState
from voicecli.sound.playback import PlaybackQueue
from voicecli.talking.talkinput import CaptureTimes
from voicewire.clock import NS_PER_MS
from voicewire.marks import Mark

SILENCE_NS = 100 * NS_PER_MS
"""So long after its flush the loudspeaker has told when a reply fell silent."""


class _BargeIn(NamedTuple):
    turn_id: int
    onset_ns: int
    due_ns: int


def speech_end(call: ViewState, turn_id: int, times: CaptureTimes) -> MarkNoted | None:
    """When the user's last words of a turn were over; None where that is not known, or was noted before."""
    turn = call.turn(turn_id)
    if turn is None or turn.stopped_ms is None or Mark.MIC_SPEECH_END in turn.marks:
        return None
    end_ns = times.captured_ns(turn.stopped_ms)
    return None if end_ns is None else MarkNoted(turn_id, Mark.MIC_SPEECH_END, end_ns)


class BargeIns:
    """Those whose end the loudspeaker has not told yet; a few at most, as there is one for each cancelled reply."""

    def __init__(self, queue: PlaybackQueue) -> None:
        self._queue = queue
        self._waiting: list[_BargeIn] = []

    def cancelled(self, call: ViewState, turn_id: int, times: CaptureTimes, now_ns: int) -> None:
        """The reply of a turn was cut by speech: the newest there is."""
        starts = [turn.started_ms for turn in call.turns if turn.started_ms is not None]
        onset_ns = times.captured_ns(starts[-1]) if starts else None
        if onset_ns is not None:
            self._waiting.append(_BargeIn(turn_id, onset_ns, now_ns + SILENCE_NS))

    def due(self, now_ns: int) -> Iterator[MarkNoted]:
        """Their marks, once they can be told. None of a reply that nothing was heard of when the user began."""
        due = [each for each in self._waiting if each.due_ns <= now_ns]
        self._waiting = [each for each in self._waiting if each.due_ns > now_ns]
        for turn_id, onset_ns, _ in due:
            reply = self._queue.reply(turn_id)
            if reply is None or reply.first_audible_ns is None or reply.heard_until_ns is None:
                continue
            if reply.first_audible_ns <= onset_ns:
                # A reply that was pausing by itself when the user began had been silent already.
                yield MarkNoted(turn_id, Mark.BARGE_IN_SPEECH_START, onset_ns)
                yield MarkNoted(turn_id, Mark.BARGE_IN_SILENCE, max(onset_ns, reply.heard_until_ns))

    def clear(self) -> None:
        """The connection is lost."""
        self._waiting.clear()

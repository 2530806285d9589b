"""Speech over a reply: whether it is an interruption, and for how long the reply that it paused stays silent."""

from voiceserver.backchannel import is_backchannel, is_order
from voiceserver.utterance import Utterance
from voicewire.clock import NS_PER_MS

WORDS_AWAITED_NS = 400 * NS_PER_MS
"""How long a paused reply waits, once the speech over it has stopped, for the words that tell what it was."""

SHORT_AWAITED_NS = 100 * NS_PER_MS
"""The same where it was too short for words, but for "stop": a recogniser that is near knows by then."""

ECHO_TAIL_NS = 500 * NS_PER_MS
"""So long after a reply was paused, or ended, its echo may still be heard: the way there, the loudspeaker's buffer, the
room."""

LONGEST_NOD_NS = 3000 * NS_PER_MS
"""Speech over a reply that goes on for so long is no nod, whatever its words: the reply does not wait for its end."""


class SpeechOverReply:
    """Decides for one session. It is told when a reply begins and ends, and asked of the speech over it."""

    def __init__(self, barge_in_ns: int, sure_ns: int, locale: str = "en") -> None:
        """Speech is an interruption when it has lasted so long and has words, or so long whatever it is."""
        self._locale = locale
        self._barge_in_ns = barge_in_ns
        self._sure_ns = sure_ns
        self._is_paused = False
        self._silent_ns: int | None = None
        """Since when the reply is paused, or over; None while it can be heard."""
        self._false_alarms = 0
        self._has_partials = False

    @property
    def is_paused(self) -> bool:
        return self._is_paused

    @property
    def was_deceived(self) -> bool:
        """The reply was paused for nothing."""
        return self._false_alarms > 0

    def words_told_early(self) -> None:
        """The recogniser has told words of a segment before its end."""
        self._has_partials = True

    def reply_begun(self) -> None:
        self._silent_ns = None

    def reply_ended(self, silent_ns: int | None) -> None:
        """Heard to its end then, or stopped by something else than speech; None where speech cancelled it."""
        self._is_paused = False
        self._silent_ns = silent_ns
        self._false_alarms = 0

    def pause(self, now_ns: int) -> bool:
        """Whether the reply falls silent now; it may be already."""
        if self._is_paused:
            return False
        self._is_paused = True
        self._silent_ns = now_ns
        return True

    def resume(self) -> bool:
        """Whether the reply goes on now: it had been paused for nothing."""
        if not self._is_paused:
            return False
        self._is_paused = False
        self._silent_ns = None
        self._false_alarms += 1
        return True

    def resumes_ns(self, utterance: Utterance) -> int:
        """When a paused reply goes on, now that the speech over it has stopped."""
        if utterance.transcribed:
            return utterance.stopped_ns
        is_short = utterance.spoken_ns < self._barge_in_ns and not is_order(utterance.words(), self._locale)
        return utterance.stopped_ns + (SHORT_AWAITED_NS if is_short else WORDS_AWAITED_NS)

    def is_interruption(self, utterance: Utterance) -> bool:
        """Enough speech in one segment (two coughs are no sentence), and words; or so much that they do not matter."""
        words = utterance.words()
        # "Stop" is a short word, and the VAD hears less of it than there is. Once it is certain, half is enough.
        is_certain_order = utterance.is_final and is_order(words, self._locale)
        enough_ns = self._barge_in_ns // 2 if is_certain_order else self._barge_in_ns
        if utterance.spoken_ns < enough_ns or utterance.is_echo or utterance.is_faint:
            return False
        if words:
            is_nod = is_backchannel(words, self._locale, is_partial=not utterance.is_final)
            return not is_nod or utterance.spoken_ns >= LONGEST_NOD_NS
        if utterance.is_final:
            return False
        # A recogniser that tells words while they are spoken would have told some: this is more likely a noise.
        patience = 2 if self._has_partials else 1
        return utterance.spoken_ns >= patience * self._sure_ns

    def is_too_late_for_echo(self, utterance: Utterance) -> bool:
        """What is still spoken long after the reply fell silent is not its echo."""
        return self._silent_ns is not None and utterance.last_speech_ns > self._silent_ns + ECHO_TAIL_NS

"""The reply's own words, when the microphone hears them."""

from voiceserver.backchannel import is_order
from voiceserver.turn_events import FinalTranscribed, PartialTranscribed
from voiceserver.words import Words, words_of

ECHOED_WORDS = 2
"""So many words in a row that are the reply's are its echo; one alone may be anybody's."""


def is_echo(words: Words, spoken: Words, locale: str = "en", *, is_partial: bool = False) -> bool:
    """Whether the microphone heard the reply: `words` stand in a row in `spoken`, the reply's.

    The recogniser hears an echo badly: a third of the words may be others, and the first and last are often cut. Of a
    partial transcript even one word is taken for an echo until there is another, unless it is an order.
    """
    if is_partial and len(words) == 1:
        return words[0] in spoken and not is_order(words, locale)
    if len(words) < ECHOED_WORDS:
        return False
    least = max(ECHOED_WORDS, -(-2 * len(words) // 3))
    return any(
        sum(heard == said for heard, said in zip(words, spoken[start:], strict=False)) >= least
        for start in range(len(spoken) - ECHOED_WORDS + 1)
    )


class EchoEar:
    """Tells for one session which transcripts are an echo. The echo of a reply's last words is transcribed when the
    reply is over: what began over it is compared with it all the same."""

    def __init__(self, locale: str = "en") -> None:
        self._locale = locale
        self._over_reply: set[int] = set()
        """Segments of the turn being spoken that began over a reply."""
        self._said = ""
        """By the reply that was over last, and that no voice cancelled."""

    def segment_began(self, segment: int, *, is_over_reply: bool) -> None:
        if segment == 0:
            self._over_reply.clear()
        if is_over_reply:
            self._over_reply.add(segment)

    def reply_ended(self, text: str) -> None:
        """With what was heard of it; "" for one that speech cancelled: whoever did that speaks themselves."""
        self._said = text

    def judge(
        self, event: PartialTranscribed | FinalTranscribed, sounding: str | None
    ) -> PartialTranscribed | FinalTranscribed:
        """The event, which says whether it is an echo. `sounding` is what was heard so far of the reply that is being
        given; None where none is."""
        spoken = sounding
        if spoken is None:
            spoken = self._said if event.segment in self._over_reply else ""
        is_partial = isinstance(event, PartialTranscribed)
        told = event.text[: event.stable_chars] if isinstance(event, PartialTranscribed) else event.text
        return event._replace(is_echo=is_echo(words_of(told), words_of(spoken), self._locale, is_partial=is_partial))

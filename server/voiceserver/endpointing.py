"""How long a silence must last until the user is taken to have finished."""

from typing import NamedTuple

from voiceserver.completeness import Completeness, completeness
from voicewire.clock import NS_PER_MS

CUT_OFF_FACTOR = 1.25
"""After each turn that was ended too early, silences must last so much longer..."""
LARGEST_FACTOR = 2.0
"""... up to this much."""
FORGOTTEN_AFTER = 5
"""So many turns in a row that were ended well make up for one that was not."""

FINISHED = 0.5
"""From this probability on, a model of the end of turns is taken to say that the user has finished."""
UNFINISHED = 0.2
"""Up to this one, that they have not."""


class EndpointingSettings(NamedTuple):
    silence_ns: int = 600 * NS_PER_MS
    is_adaptive: bool = False
    """Otherwise `silence_ns` it is, whatever was said."""
    complete: float = 0.5
    """Of that silence, what is waited for after words that sound complete."""
    open: float = 2.0
    """The same where more is to come."""


class Endpointing:
    """Of one session: it learns from the turns that it ended too early."""

    def __init__(self, settings: EndpointingSettings, locale: str = "en") -> None:
        self._settings = settings
        self._locale = locale
        self._factor = 1.0
        self._ended_well = 0

    def silence_ns(self, text: str, finished: float | None = None, *, is_whole: bool = False) -> int:
        """After these words; `finished` is the probability that a model of the end of turns gave, if one was asked.
        What `is_whole` is known to be what callers say and no more, however it sounds."""
        settings = self._settings
        if not settings.is_adaptive:
            return settings.silence_ns
        share = {Completeness.COMPLETE: settings.complete, Completeness.OPEN: settings.open}
        sounds = Completeness.COMPLETE if is_whole else completeness(text, self._locale)
        return round(settings.silence_ns * share.get(_together(sounds, finished), 1.0) * self._factor)

    def cut_off(self) -> None:
        """The last turn was ended too early."""
        self._ended_well = 0
        if self._settings.is_adaptive:
            self._factor = min(self._factor * CUT_OFF_FACTOR, LARGEST_FACTOR)

    def ended_well(self) -> None:
        self._ended_well += 1
        if self._ended_well >= FORGOTTEN_AFTER:
            self._ended_well = 0
            self._factor = max(1.0, self._factor / CUT_OFF_FACTOR)


def _together(words: Completeness, finished: float | None) -> Completeness:
    """The model moves the answer of the words by one step: neither is believed alone."""
    if finished is None:
        return words
    steps = [Completeness.OPEN, Completeness.UNKNOWN, Completeness.COMPLETE]
    known = Completeness.UNKNOWN if words is Completeness.STATED else words
    step = steps.index(known) + (1 if finished >= FINISHED else -1 if finished <= UNFINISHED else 0)
    return steps[min(max(step, 0), 2)]

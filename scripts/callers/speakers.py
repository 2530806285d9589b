"""Who speaks in a recipe, and how: words to the shorthand that the recipes of turn-taking are written in."""

from collections.abc import Mapping
from typing import TypedDict

from scripts.callers.recipe import Echo, Noise, Part, Recipe, Say, Utterance
from voicecli.fixtures.fixture import words

START, AFTER, INTO = "start", "after_reply", "into_reply"
ECHO_LEAD_MS = 40
ECHO_DELAY_MS = 120
"""From the loudspeaker through the room, the microphone and its buffers."""

MM_HM, UH_HUH = "pau m hh m pau", "pau ah hh ah pau"


class Speaker:
    """One voice of flite, and how it is used."""

    def __init__(self, voice: str, *, stretch: float = 1.0, pitch_hz: int = 0) -> None:
        self._voice = voice
        self._stretch = stretch
        self._pitch_hz = pitch_hz

    def says(self, *said: str | int, when: str | int = START, wer: float | None = None, **expect: bool) -> Utterance:
        """Words, and between them pauses in ms.

        `when` may be how much of the reply has been heard; `wer` is the highest that is expected.
        """
        texts = [part for part in said if isinstance(part, str)]
        return Utterance(
            " ".join(texts),
            tuple(self._say(text) for text in texts),
            pauses_ms=tuple(part for part in said if isinstance(part, int)),
            parts_text=tuple(texts) if len(texts) > 1 else (),
            **_placed(when),
            expect=dict(expect) if wer is None else {**expect, "max_wer": wer},
        )

    def cuts_in(self, into_reply_ms: int, *said: str | int, wer: float | None = None) -> Utterance:
        """Interrupts the reply."""
        return self.says(*said, when=into_reply_ms, wer=wer, cancels_reply=True)

    def nods(self, into_reply_ms: int, text: str, *, phones: str = "") -> Utterance:
        """Says that they listen."""
        part = Say(phones, self._voice, phones=True) if phones else self._say(text)
        return Utterance(text, (part,), kind="backchannel", **_placed(into_reply_ms))

    def _say(self, text: str) -> Say:
        return Say(text, self._voice, stretch=self._stretch, pitch_hz=self._pitch_hz)


class Placed(TypedDict):
    when: str
    into_reply_ms: int | None


def _placed(when: str | int) -> Placed:
    return {"when": INTO, "into_reply_ms": when} if isinstance(when, int) else {"when": when, "into_reply_ms": None}


def noise(when: str | int, *sounds: Part, pauses_ms: tuple[int, ...] = ()) -> Utterance:
    return Utterance("", sounds, pauses_ms=pauses_ms, kind="noise", **_placed(when))


def echo(of: str, gain_db: float) -> Utterance:
    """The beginning of the reply that is given, as it is given."""
    return Utterance(words(of), (Echo(of, gain_db),), kind="echo", lead_ms=ECHO_LEAD_MS, **_placed(ECHO_DELAY_MS))


def group(
    folder: str, described: dict[str, tuple[str, tuple[Utterance, ...]]], rooms: Mapping[str, Noise] | None = None
) -> tuple[Recipe, ...]:
    """Recipes of one folder below fixtures/, by name: the description, and what is said. `rooms` are heard in these."""
    rooms = rooms or {}
    return tuple(
        Recipe(
            fixture,
            description,
            utterances,
            turns=sum(utterance.kind == "speech" for utterance in utterances),
            budgets_ms={},
            noise=rooms.get(fixture),
            background=_background(rooms[fixture]) if fixture in rooms else "",
            group=folder,
            has_wav=False,
        )
        for fixture, (description, utterances) in described.items()
    )


def _background(room: Noise) -> str:
    return f"{room.kind} noise, {room.snr_db:g} dB SNR"

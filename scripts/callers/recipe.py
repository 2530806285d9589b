"""What a fixture is made from: data only. `sound.py` makes it audible, `make_fixtures.py` writes it down."""

from dataclasses import dataclass, field
from typing import NamedTuple

Value = bool | int | float | str
Table = dict[str, Value]

LEAD_MS = 400


class Say(NamedTuple):
    """Something flite says."""

    what: str
    voice: str
    phones: bool = False
    """`what` is phones of the voice, not words."""
    stretch: float = 1.0
    """How much slower than the voice's own pace."""
    pitch_hz: int = 0
    """0 is the voice's own."""


class Echo(NamedTuple):
    """What the server's own voice says, as a loudspeaker and a room bring it back to the microphone."""

    what: str
    gain_db: float


class Cough(NamedTuple):
    """Bursts of breath, each after the silence of the one before it."""

    seed: int
    bursts: int = 2
    voiced: float = 0.0
    """Share of the voice in it: 0 is breath alone, 1 clears a throat."""
    length_ms: int = 320
    """Of the first burst; the others are shorter."""


class Slam(NamedTuple):
    """A door."""

    seed: int


class Keys(NamedTuple):
    """Somebody types."""

    seed: int
    presses: int = 10


Part = Say | Echo | Cough | Slam | Keys


@dataclass(frozen=True)
class Utterance:
    text: str
    parts: tuple[Part, ...] = ()
    pauses_ms: tuple[int, ...] = ()
    """Silence between two parts, each of which is a segment: one for each gap, or one for all."""
    parts_text: tuple[str, ...] = ()
    """Which words each part holds, where a fixture tells."""
    length_ms: int = 0
    """Of silence, where there are no parts."""
    lead_ms: int = LEAD_MS
    """Silence before the first part."""
    kind: str = "speech"
    when: str = "start"
    into_reply_ms: int | None = None
    expect: Table = field(default_factory=dict)


class Noise(NamedTuple):
    kind: str
    """`white`, or `brown`: falling by 6 dB an octave, like the rumble in a car."""
    seed: int
    level_dbfs: float | None = None
    snr_db: float | None = None
    """Below the speech, both by their RMS over the segments."""


@dataclass(frozen=True)
class Recipe:
    name: str
    description: str
    utterances: tuple[Utterance, ...]
    turns: int
    events: tuple[str, ...] = ()
    turn_detection: Table = field(default_factory=dict)
    budgets_ms: Table = field(default_factory=lambda: {"voice_to_voice": 3000})
    noise: Noise | None = None
    background: str = ""
    group: str = ""
    """The folder below fixtures/ that it lies in."""
    has_wav: bool = True
    """Beside audio.opus, which is a tenth of its size."""

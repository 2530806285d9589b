"""What is known of the turn that is being spoken: its speech, its silence and its words."""

from dataclasses import dataclass, field

from voiceserver.words import Words, words_of


@dataclass(slots=True)
class Utterance:
    """The turn being spoken. Its speech comes in segments, with pauses between them."""

    turn_id: int
    segment_began_ns: int
    resumes: str = ""
    """What the user had said just before, in the turn whose reply this began over."""
    prefix: str = ""
    """The same, once it is clear that this is the rest of it."""
    speaking: bool = True
    segment: int = 0
    finals: dict[int, str] = field(default_factory=dict)
    """Final transcripts by segment."""
    partials: dict[int, str] = field(default_factory=dict)
    """Of the segments before this one: what stands in for a final that has not come."""
    partial: str = ""
    """The newest partial of the segment that has no final yet."""
    stable_chars: int = 0
    """So much of it is not expected to change."""
    is_echo: bool = False
    """The segment's words are those of the reply."""
    is_faint: bool = False
    """The segment is much fainter than the user was."""
    heard_out: bool = False
    """Its speech began over a reply that has been heard to its end since, and asked nothing."""
    has_partial: bool = False
    last_speech_ns: int = 0
    """So far."""
    silence_ns: int = 0
    """Heard since then, while the segment is open."""
    stopped_ns: int = 0
    finished: float | None = None
    """What a model of the end of turns says of this pause."""
    ended: bool = False
    """The client said so: no silence is waited for."""
    ended_ns: int = 0

    @property
    def transcribed(self) -> bool:
        return len(self.finals) == self.segment + 1

    @property
    def is_final(self) -> bool:
        """The segment's transcript is."""
        return self.segment in self.finals

    @property
    def is_stable(self) -> bool:
        """The recogniser does not expect its words to change."""
        return self.transcribed or self.stable_chars == len(self.partial)

    @property
    def spoken_ns(self) -> int:
        """Length of the segment's speech so far."""
        return self.last_speech_ns - self.segment_began_ns

    def words(self) -> Words:
        """Of the segment, without what the recogniser still doubts: "but" may yet become "right"."""
        return words_of(self.finals.get(self.segment, self.partial[: self.stable_chars]))

    def own_text(self) -> str:
        said = [self.finals.get(segment, self.partials.get(segment, "")) for segment in range(self.segment)]
        said.append(self.finals.get(self.segment, self.partial))
        return " ".join(words for words in said if words)

    def text(self) -> str:
        return f"{self.prefix} {self.own_text()}".strip()

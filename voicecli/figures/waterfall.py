"""Where voice-to-voice went: parts along the critical path that sum to it exactly, and what no part explains.

Two witnesses are heard. The stages are what the server reports; speech end and first audible sample are what is known
of the audio itself. Where they disagree by more than 50 ms, that is said.
"""

from collections.abc import Mapping
from typing import NamedTuple

from voicewire.clock import NS_PER_MS, ms
from voicewire.marks import SPANS, ClockSide, Mark, Span

DISAGREEMENT_NS = 50 * NS_PER_MS

COMMIT_NS = 5 * NS_PER_MS
"""A transcript that became final this shortly before the commit is what the commit had waited for. Used only where the
server's silence setting is not known."""


class Part(NamedTuple):
    """A stage of the answer, as it is named, titled and coloured wherever a waterfall is drawn."""

    name: str
    title: str
    colour: str
    """`#rrggbb`, readable on black and on white."""
    meaning: str


SPEECH_END = Part("speech_end", "speech end", "#8a8f98", "what the VAD takes for the end of speech, against the truth")
ENDPOINTING = Part("endpointing", "endpointing", "#d19a2a", "silence waited for, to be sure that the user has finished")
STT = Part("stt", "STT", "#2f9e8f", "the final transcript, as far as the turn waited for it alone")
HANDOVER = Part("handover", "hand-over", "#8a8f98", "from the decision to the language model's request")
LLM = Part("llm", "LLM first token", "#7c6fe0", "from the request to the first token")
CLAUSE = Part("clause", "first clause", "#b06fd6", "from the first token to text that can be spoken")
TTS = Part("tts", "TTS first audio", "#d9578c", "from the first text to the first audio")
SENDING = Part("sending", "encode, send", "#d9703a", "from the first audio to the first frame sent")
NETWORK = Part("network", "network", "#4f93d8", "from the first frame sent to the first frame received")
BUFFER = Part("buffer", "client buffer", "#5f9a3f", "from the first frame received to the first sample played")
LEAD_IN = Part("lead_in", "silent lead-in", "#8a8f98", "silence that the reply's audio itself begins with")
UNATTRIBUTED = Part("unattributed", "unattributed", "#e0474c", "what no stage explains")

PARTS = (
    SPEECH_END,
    ENDPOINTING,
    STT,
    HANDOVER,
    LLM,
    CLAUSE,
    TTS,
    SENDING,
    NETWORK,
    BUFFER,
    LEAD_IN,
    UNATTRIBUTED,
)
BY_NAME = {part.name: part for part in PARTS}


class Extent(NamedTuple):
    """From one instant to another, in ns after the end of the user's speech. `speech_end` may end before it starts."""

    start_ns: int
    end_ns: int

    @property
    def length_ns(self) -> int:
        return self.end_ns - self.start_ns


class Bar(NamedTuple):
    """One part of a waterfall."""

    part: Part
    critical: Extent
    """What it adds to voice-to-voice."""
    whole: Extent | None = None
    """When its stage was at work, also beside others; None where that is nothing else."""


class Disagreement(NamedTuple):
    """Two witnesses of one thing that differ by more than DISAGREEMENT_NS."""

    sentence: str
    difference_ms: float


class Waterfall(NamedTuple):
    """The bars in the order of PARTS, those absent left out. All but `unattributed` where the turn is not complete."""

    bars: tuple[Bar, ...]
    voice_to_voice_ns: int | None

    def length_ns(self, part: Part) -> int | None:
        """What the part adds; None where it is absent."""
        return next((bar.critical.length_ns for bar in self.bars if bar.part is part), None)

    @property
    def unattributed_ns(self) -> int | None:
        return self.length_ns(UNATTRIBUTED)


class _Stage(NamedTuple):
    part: Part
    start: Mark
    end: Mark
    ends_whole: Mark | None = None
    """Where the stage's work is over, when that is later than what others wait for."""


_SERVER_STAGES = (
    _Stage(LLM, Mark.LLM_REQUESTED, Mark.LLM_FIRST_TOKEN, Mark.LLM_DONE),
    _Stage(CLAUSE, Mark.LLM_FIRST_TOKEN, Mark.TTS_REQUESTED),
    _Stage(TTS, Mark.TTS_REQUESTED, Mark.TTS_FIRST_AUDIO, Mark.TTS_DONE),
    _Stage(SENDING, Mark.TTS_FIRST_AUDIO, Mark.REPLY_FIRST_FRAME_SENT),
    _Stage(NETWORK, Mark.REPLY_FIRST_FRAME_SENT, Mark.REPLY_FIRST_FRAME_RECEIVED),
)


class _Path:
    """Walks along the critical path: each part begins where the one before it ended, or leaves a gap."""

    def __init__(self, speech_end_ns: int) -> None:
        self._zero_ns = speech_end_ns
        self._at_ns = speech_end_ns
        self.bars: list[Bar] = []
        self._gaps: list[Extent] = []

    def jump(self, part: Part, end_ns: int) -> None:
        """A part whose end may lie before its start."""
        self.bars.append(Bar(part, self._extent(self._at_ns, end_ns)))
        self._at_ns = end_ns

    def add(self, part: Part, start_ns: int | None, end_ns: int | None, whole_end_ns: int | None = None) -> None:
        """Nothing where one of its instants is missing; what ran beside earlier parts counts from where those ended."""
        if start_ns is None or end_ns is None:
            return
        begin_ns = max(self._at_ns, start_ns)
        finish_ns = max(begin_ns, end_ns)
        whole = self._extent(start_ns, max(start_ns, end_ns, whole_end_ns or end_ns))
        critical = self._extent(begin_ns, finish_ns)
        self.bars.append(Bar(part, critical, None if whole == critical else whole))
        self._gaps.append(self._extent(self._at_ns, begin_ns))
        self._at_ns = finish_ns

    def close(self, end_ns: int) -> None:
        """What is left up to the end is a gap; where parts reach beyond the end, a negative one.

        All gaps together are one bar, which begins where the widest of them does.
        """
        self._gaps.append(self._extent(self._at_ns, end_ns))
        start_ns = max(self._gaps, key=lambda gap: gap.length_ns).start_ns
        total_ns = sum(gap.length_ns for gap in self._gaps)
        self.bars.append(Bar(UNATTRIBUTED, Extent(start_ns, start_ns + total_ns)))

    def _extent(self, start_ns: int, end_ns: int) -> Extent:
        return Extent(start_ns - self._zero_ns, end_ns - self._zero_ns)


def waterfall(
    marks: Mapping[Mark, int], *, reply_play_ns: int | None = None, silence_ns: int | None = None
) -> Waterfall | None:
    """The waterfall of a turn, or None where the end of the user's speech is not known.

    `marks` are all on the client's clock; a server's mark that cannot be put there is left out. `reply_play_ns` is when
    the reply's first sample was played; `silence_ns` the silence that the server waits for, where it is known.
    """
    speech_end_ns = marks.get(Mark.MIC_SPEECH_END)
    if speech_end_ns is None:
        return None
    return _fall(marks, speech_end_ns, marks.get(Mark.REPLY_FIRST_AUDIBLE), reply_play_ns, silence_ns)


def turnaround(
    marks: Mapping[Mark, int], *, reply_play_ns: int | None = None, silence_ns: int | None = None
) -> Waterfall | None:
    """What can be said of a turn whose end of speech only the server knows, or that was typed.

    It goes from there, or from the commit, to the first sound, or else to the first frame sent; None where nothing is
    known yet.
    """
    at = marks.get
    start_ns = at(Mark.AUDIO_LAST_SPEECH, at(Mark.TURN_COMMITTED))
    end_ns = at(Mark.REPLY_FIRST_AUDIBLE, at(Mark.REPLY_FIRST_FRAME_SENT))
    return None if start_ns is None else _fall(marks, start_ns, end_ns, reply_play_ns, silence_ns)


def _fall(
    marks: Mapping[Mark, int], start_ns: int, end_ns: int | None, reply_play_ns: int | None, silence_ns: int | None
) -> Waterfall:
    at = marks.get
    path = _Path(start_ns)
    _add_endpointing(path, marks, silence_ns)
    for stage in _SERVER_STAGES:
        path.add(stage.part, at(stage.start), at(stage.end), at(stage.ends_whole) if stage.ends_whole else None)
    path.add(BUFFER, at(Mark.REPLY_FIRST_FRAME_RECEIVED), reply_play_ns)
    path.add(LEAD_IN, reply_play_ns, at(Mark.REPLY_FIRST_AUDIBLE))
    if end_ns is None:
        return Waterfall(tuple(path.bars), None)
    path.close(end_ns)
    return Waterfall(tuple(path.bars), end_ns - start_ns)


def _add_endpointing(path: _Path, marks: Mapping[Mark, int], silence_ns: int | None) -> None:
    """Silence and the final transcript are waited for side by side; the later one of them counts."""
    at = marks.get
    last_ns, closed_ns, final_ns = at(Mark.AUDIO_LAST_SPEECH), at(Mark.VAD_CLOSED), at(Mark.STT_FINAL)
    committed_ns = at(Mark.TURN_COMMITTED)
    if last_ns is not None:
        path.jump(SPEECH_END, last_ns)
    if committed_ns is None:
        path.add(ENDPOINTING, last_ns, closed_ns)
        path.add(STT, closed_ns, final_ns)
        return
    waited_ns = committed_ns
    if closed_ns is not None and final_ns is not None:
        if last_ns is not None and silence_ns is not None:
            waited_ns = min(max(last_ns + silence_ns, closed_ns), committed_ns)
        elif committed_ns - final_ns <= COMMIT_NS:
            waited_ns = closed_ns
        waited_ns = committed_ns if final_ns <= waited_ns else waited_ns
    path.add(ENDPOINTING, last_ns, waited_ns)
    path.add(STT, closed_ns, final_ns)
    path.add(HANDOVER, max(waited_ns, final_ns or waited_ns), at(Mark.LLM_REQUESTED))


def disagreements(
    marks: Mapping[Mark, int], latencies_ms: Mapping[str, float], reported_ms: Mapping[str, float], held_ns: int = 0
) -> list[Disagreement]:
    """Where what was reported and what was found in the audio differ by more than 50 ms.

    `marks` are on the client's clock; `latencies_ms` were computed from them, `reported_ms` come from `turn_end`. The
    reply's first sound came `held_ns` later because it was paused before.
    """
    found = []
    end_ns, last_ns = marks.get(Mark.MIC_SPEECH_END), marks.get(Mark.AUDIO_LAST_SPEECH)
    if end_ns is not None and last_ns is not None and abs(last_ns - end_ns) > DISAGREEMENT_NS:
        difference_ms = ms(last_ns - end_ns)
        found.append(
            Disagreement(
                f"the server dates the end of speech {_apart(difference_ms)} than the recording has it", difference_ms
            )
        )
    received_ns, audible_ns = marks.get(Mark.REPLY_FIRST_FRAME_RECEIVED), marks.get(Mark.REPLY_FIRST_AUDIBLE)
    if received_ns is not None and audible_ns is not None and audible_ns - held_ns - received_ns > DISAGREEMENT_NS:
        difference_ms = ms(audible_ns - held_ns - received_ns)
        found.append(
            Disagreement(f"the reply is audible {_apart(difference_ms)} than its first frame arrived", difference_ms)
        )
    for span in SPANS:
        if span.name in latencies_ms and span.name in reported_ms and _is_of_one_side(span):
            difference_ms = round(reported_ms[span.name] - latencies_ms[span.name], 3)
            if abs(difference_ms) * NS_PER_MS > DISAGREEMENT_NS:
                sentence = (
                    f"`turn_end` tells {span.title} {_apart(difference_ms, 'longer', 'shorter')} than its marks do"
                )
                found.append(Disagreement(sentence, difference_ms))
    return found


def _is_of_one_side(span: Span) -> bool:
    return span.start.side is ClockSide.SERVER and span.end.side is ClockSide.SERVER


def _apart(difference_ms: float, more: str = "later", less: str = "earlier") -> str:
    return f"{abs(difference_ms):.0f} ms {more if difference_ms > 0 else less}"

"""Turn-taking on the callers of `fixtures/turntaking`: how soon they are answered, and what that is bought at.

On a virtual clock, with the delays of typical cloud engines (recogniser 250 ms, language model 400 ms, voice 150 ms),
real Opus and the real VAD; or with --embedded in real time, with the engines that come with the server.

A new setting is a line in `CONFIGURATIONS`.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import structs
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from voicecli.calls.call import CallRecord, CallSettings
from voicecli.calls.eventloop import run_precisely
from voicecli.calls.localserver import local_server
from voicecli.calls.take import Take, take
from voicecli.calls.virtualcall import VirtualServer
from voicecli.client.player import HeardReply
from voicecli.exits import CliError
from voicecli.fixtures import fixture as fixtures
from voicecli.fixtures.fixture import Fixture, Kind, Utterance, When
from voicecli.fixtures.microphone import record
from voicewire.clock import SystemClock, ms, ns
from voicewire.marks import Mark
from voicewire.messages import TurnOutcome

CORPUS = Path(__file__).parents[1] / "fixtures" / "turntaking"

Flags = Mapping[str, object]

CLOUD: Flags = {
    "stt": "scripted(final=250ms)",
    "llm": "scripted(ttft=400ms, pace=10ms)",
    "tts": "scripted(ttfb=150ms, rtf=0.2)",
}
"""Engines with the delays of services. A word comes into a partial transcript when it has been said: the partials of
pocketsphinx hold all of an utterance 10 ms before its end (median of 79; quartiles 80 ms before and 60 ms after)."""

LIKELY = (
    "what can you do|what time is it|what day is it|what is the weather like|what is your name|who are you|how are you"
    "|tell me a joke|tell me a story|tell me a long story|count to ten|go on|what were you saying|good night"
)
"""What the author of the scripted persona counts on: an example for each rule that it has."""

OFF: Flags = {"endpointing": "fixed", "speculation": "false", "resume_ms": 0}
"""Turns taken by silence alone, and never taken back."""

CONFIGURATIONS: Mapping[str, Flags] = {
    "sequential, fixed 800 ms": {**OFF, "pipeline": "sequential", "silence_ms": 800},
    "overlapped, fixed 800 ms": {**OFF, "silence_ms": 800},
    "overlapped, fixed 600 ms": {**OFF, "silence_ms": 600},
    "overlapped, fixed 300 ms": {**OFF, "silence_ms": 300},
    "fixed 600 ms, speculation": {**OFF, "silence_ms": 600, "speculation": "true"},
    "adaptive, no speculation": {"speculation": "false"},
    "adaptive, speculation": {},
    "the same, transcript after 100 ms": {"hangover_ms": 100},
    "the same, likely questions named": {"anticipate": LIKELY},
    "the same, learned from two callers": {"anticipate_after": 2},
    "the same, partials 150 ms late": {"hangover_ms": 100, "stt": "scripted(final=250ms, lag=150ms)"},
    "the same, words known 150 ms early": {"hangover_ms": 100, "stt": "scripted(final=250ms, early=150ms)"},
    "the same, voice at 0.9 of real time": {"hangover_ms": 100, "tts": "scripted(ttfb=150ms, rtf=0.9)"},
}
"""Settings of the server, by what the table calls them. The last three are about one engine alone, and left out where
it is a real one."""

SHIFTS_MS = (0, 370, 740)
"""What comes into a reply is also said so much later, that there are enough samples of it."""

GAP_MS = 20
"""A shorter break in a reply is no gap between its clauses: a codec may hold back so much of a piece of audio."""

MIN_P95 = 20
"""A p95 of fewer samples is not told."""


class Share(msgspec.Struct):
    """How many of how many."""

    count: int = 0
    of: int = 0

    def add(self, is_one: bool) -> None:
        self.count += is_one
        self.of += 1

    def __str__(self) -> str:
        return f"{self.count} of {self.of}"

    @property
    def with_percent(self) -> str:
        return f"{self}, {100 * self.count / self.of:.1f} %" if self.of else "–"


class Outcome(msgspec.Struct):
    """What the calls of one configuration came to."""

    voice_to_voice_ms: list[float] = []
    """From the true end of an utterance to the first sound of its answer; none where it was cut off."""
    likely_ms: list[float] = []
    """Of these, those of the questions in `LIKELY`."""
    cut_off: Share = msgspec.field(default_factory=Share)
    """Utterances whose beginning was committed while the user had more to say, so that they heard some of an answer to
    it, or were answered to the rest of it alone."""
    cut_off_heard: int = 0
    """Of these, those of which some of an answer to the beginning was heard."""
    taken_back: int = 0
    """Utterances committed as early, of which nobody noticed: nothing was heard, and the answer was to all of it."""
    missed: Share = msgspec.field(default_factory=Share)
    """Utterances that were not answered."""
    barge_in_ms: list[float] = []
    """From the user's first sound over a reply to the last one of the reply."""
    ignored: Share = msgspec.field(default_factory=Share)
    """Interruptions that did not stop the reply."""
    false_stops: dict[Kind, Share] = {}
    """What should not have stopped the reply that it came into."""
    false_turns: Share = msgspec.field(default_factory=Share)
    """What is no turn, and was answered."""
    gaps: Share = msgspec.field(default_factory=Share)
    """Of the replies heard to their end, those that fell silent in between, for want of audio."""
    stale_frames: int = 0
    """Audio of a cancelled reply that came after it was cancelled."""
    hits: Share = msgspec.field(default_factory=Share)
    """Of the answers that were begun early, those that were given."""
    wasted_tokens: Share = msgspec.field(default_factory=Share)
    """Of all tokens that the language model read and wrote, those of answers begun early and thrown away."""
    wasted_tts_ms: float = 0.0
    """Speech made for these."""
    saved_ms: list[float] = []
    """By those that were given, against answers begun at the commit."""
    unreliable: int = 0
    """Calls left out, since their own pace was bad."""
    gave_up: list[str] = []
    """Calls that were not acted out to their end."""


class _Answer(NamedTuple):
    to: str
    """What was understood."""
    committed_ns: int
    heard_ns: int | None
    """When its first sound was heard."""


class _Call:
    """One call on the client's clock, with the truth of what was said in it."""

    def __init__(self, fixture: Fixture, call: CallRecord) -> None:
        self._fixture = fixture
        self._record = call
        self._replies = {reply.turn_id: reply for reply in call.replies}

    def said(self, index: int) -> tuple[int, int] | None:
        """When an utterance began and ended; None where it was not said, or is silence."""
        utterance = self._fixture.utterances[index]
        if index >= len(self._record.starts_ms) or not utterance.segments_ms:
            return None
        shift_ms = self._record.starts_ms[index] - utterance.audio_ms[0]
        first, last = utterance.segments_ms[0], utterance.segments_ms[-1]
        origin_ns = self._record.origin_ns
        return origin_ns + ns(first[0] + shift_ms), origin_ns + ns(last[1] + shift_ms)

    def answers(self, index: int) -> Iterator["_Answer"]:
        """Each committed turn of an utterance."""
        view = self._record.view
        for turn in view.turns:
            committed_ns = view.own_marks(turn).get(Mark.TURN_COMMITTED)
            if self._record.utterances.get(turn.turn_id) == index and committed_ns is not None:
                reply = self._replies.get(turn.turn_id)
                yield _Answer(turn.transcript or "", committed_ns, reply.first_audible_ns if reply else None)

    def spoken_over(self, index: int) -> HeardReply | None:
        """The reply to something earlier that was heard when an utterance began."""
        said = self.said(index)
        if said is None:
            return None
        for reply in reversed(self._record.replies):
            first_ns, last_ns = reply.first_audible_ns, reply.last_audible_ns
            if first_ns is None or last_ns is None or self._record.utterances.get(reply.turn_id, index) >= index:
                continue
            # One that was cancelled may have been pausing by itself just then.
            return reply if first_ns <= said[0] and (said[0] <= last_ns or self._is_cancelled(reply)) else None
        return None

    def _is_cancelled(self, reply: HeardReply) -> bool:
        turn = self._record.view.turn(reply.turn_id)
        return turn is not None and turn.outcome is TurnOutcome.CANCELLED

    def stopped(self, reply: HeardReply, index: int) -> bool:
        """It was this utterance that stopped the reply, and none after it."""
        after = self.said(index + 1) if index + 1 < len(self._fixture.utterances) else None
        last_ns = reply.last_audible_ns
        return self._is_cancelled(reply) and last_ns is not None and (after is None or last_ns < after[0])


def count(outcome: Outcome, taken: Take, shift_ms: int) -> None:
    """Add one call. One with a shift is another only in what comes into a reply."""
    outcome.stale_frames += taken.record.stale_frames
    _count_speculation(outcome, taken.record)
    if taken.record.gave_up:
        outcome.gave_up.append(f"{taken.fixture.name} + {shift_ms} ms")
    if not taken.record.pacing.reliable:
        outcome.unreliable += 1
        return
    for reply in taken.record.replies:
        if reply.ended and not reply.cut:
            outcome.gaps.add(ms(reply.underrun_ns) > GAP_MS)
    call = _Call(taken.fixture, taken.record)
    for index, utterance in enumerate(taken.fixture.utterances):
        said = call.said(index)
        if said is None:
            continue
        if utterance.kind is not Kind.SPEECH:
            outcome.false_turns.add(any(answer.heard_ns is not None for answer in call.answers(index)))
        elif not shift_ms:
            _count_answer(outcome, call, index, said[1])
        if utterance.when is When.INTO_REPLY:
            _count_over_reply(outcome, call, index, utterance, said[0])


def _count_speculation(outcome: Outcome, call: CallRecord) -> None:
    for turn in call.view.turns:
        if turn.speculation is None or turn.usage is None:
            continue
        told = turn.speculation
        outcome.hits.count += told.hit
        outcome.hits.of += told.started
        wasted = told.wasted_input_tokens + told.wasted_tokens
        outcome.wasted_tokens.count += wasted
        outcome.wasted_tokens.of += wasted + turn.usage.input_tokens + turn.usage.output_tokens
        outcome.wasted_tts_ms += told.wasted_tts_ms
        outcome.saved_ms += [told.saved_ms] * told.hit


def _count_answer(outcome: Outcome, call: _Call, index: int, end_ns: int) -> None:
    answers = list(call.answers(index))
    early = [answer for answer in answers if answer.committed_ns < end_ns]
    in_time = [answer for answer in answers if answer.committed_ns >= end_ns and answer.heard_ns is not None]
    was_heard = any(answer.heard_ns is not None for answer in early)
    # A server that takes a turn back goes on with its words.
    is_whole = bool(in_time) and all(in_time[0].to.startswith(answer.to) for answer in early)
    cut_off = was_heard or (bool(early) and not is_whole)
    outcome.cut_off.add(cut_off)
    outcome.cut_off_heard += was_heard
    outcome.taken_back += bool(early) and not cut_off
    outcome.missed.add(not in_time and not cut_off)
    if in_time and not cut_off:
        assert in_time[0].heard_ns is not None
        outcome.voice_to_voice_ms.append(ms(in_time[0].heard_ns - end_ns))
        if in_time[0].to.endswith(tuple(LIKELY.split("|"))):
            outcome.likely_ms.append(outcome.voice_to_voice_ms[-1])


def _count_over_reply(outcome: Outcome, call: _Call, index: int, utterance: Utterance, onset_ns: int) -> None:
    reply = call.spoken_over(index)
    if reply is None:
        return
    stopped = call.stopped(reply, index)
    if not utterance.expect.cancels_reply:
        outcome.false_stops.setdefault(utterance.kind, Share()).add(stopped)
        return
    outcome.ignored.add(not stopped)
    if stopped:
        assert reply.last_audible_ns is not None
        outcome.barge_in_ms.append(ms(max(0, reply.last_audible_ns - onset_ns)))


# --- the calls


class Caller(NamedTuple):
    fixture: Fixture
    shift_ms: int


def callers(corpus: Path, shifts_ms: Sequence[int]) -> Iterator[Caller]:
    for path in fixtures.found_in(corpus):
        fixture = fixtures.load(path)
        # An echo follows its reply, and comes when that does.
        can_shift = any(each.when is When.INTO_REPLY for each in fixture.utterances) and not any(
            each.kind is Kind.ECHO for each in fixture.utterances
        )
        for shift_ms in shifts_ms if can_shift else (0,):
            yield Caller(_later(fixture, shift_ms), shift_ms)


def _later(fixture: Fixture, shift_ms: int) -> Fixture:
    utterances = (
        each if each.into_reply_ms is None else structs.replace(each, into_reply_ms=each.into_reply_ms + shift_ms)
        for each in fixture.utterances
    )
    return structs.replace(fixture, utterances=tuple(utterances))


def before(flags: Flags, called: Sequence[Caller]) -> list[Caller]:
    """Who calls before anything is counted: each of them once, where the server learns. What it then counts on was said
    by two callers; so of those who are measured, each is anticipated from what others have said."""
    return [caller for caller in called if not caller.shift_ms] if "anticipate_after" in flags else []


def on_virtual_clock(flags: Flags, called: Sequence[Caller], name: str) -> Outcome:
    server = VirtualServer({**CLOUD, **flags}, {}, learns=True)
    outcome = Outcome()
    for fixture, _ in before(flags, called):
        server.take(fixture, record(fixture), CallSettings())
    for fixture, shift_ms in track(called, name, console=Console(stderr=True), transient=True):
        count(outcome, server.take(fixture, record(fixture), CallSettings()), shift_ms)
    return outcome


async def in_real_time(flags: Flags, called: Sequence[Caller], name: str) -> Outcome:
    outcome = Outcome()
    async with local_server(flags) as server:

        async def taken(fixture: Fixture) -> Take:
            return await take(
                server.url, fixture, record(fixture), SystemClock(), CallSettings(), lambda view, now_ns: None
            )

        for fixture, _ in before(flags, called):
            await taken(fixture)
        for fixture, shift_ms in track(called, name, console=Console(stderr=True), transient=True):
            count(outcome, await taken(fixture), shift_ms)
    return outcome


# --- the table


def table(outcomes: Mapping[str, Outcome], title: str) -> Table:
    """One row for each configuration; milliseconds, and each figure with its n."""
    shown = Table(title=title, box=box.SIMPLE)
    for heading in (
        "configuration",
        "voice-to-voice\np50 / p95",
        "likely\nquestions",
        "false\ncut-offs",
        "of them\nheard",
        "taken\nback",
        "missed",
        "barge-in\np50 / p95",
        "ignored",
        "stopped by\nbackchannel",
        "\nnoise",
        "\necho",
        "these\nanswered",
        "replies\nwith gaps",
        "begun early\nand given",
        "saved\np50 / p95",
        "tokens\nwasted",
        "speech\nwasted",
    ):
        shown.add_column(heading, justify="left" if heading == "configuration" else "right")
    for name, outcome in outcomes.items():
        stops = [outcome.false_stops.get(kind) for kind in (Kind.BACKCHANNEL, Kind.NOISE, Kind.ECHO)]
        shown.add_row(
            name,
            _spread(outcome.voice_to_voice_ms),
            _spread(outcome.likely_ms),
            outcome.cut_off.with_percent,
            str(outcome.cut_off_heard),
            str(outcome.taken_back),
            str(outcome.missed),
            _spread(outcome.barge_in_ms),
            str(outcome.ignored),
            *("–" if share is None else str(share) for share in stops),
            str(outcome.false_turns),
            str(outcome.gaps),
            str(outcome.hits) if outcome.hits.of else "–",
            _spread(outcome.saved_ms),
            outcome.wasted_tokens.with_percent if outcome.hits.of else "–",
            f"{outcome.wasted_tts_ms / 1000:.1f} s" if outcome.hits.of else "–",
        )
    return shown


def _spread(samples_ms: Sequence[float]) -> str:
    if not samples_ms:
        return "–"
    p95 = f"{np.percentile(samples_ms, 95):.0f}" if len(samples_ms) >= MIN_P95 else "–"
    return f"{np.median(samples_ms):.0f} / {p95}, n={len(samples_ms)}"


def remarks(outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    for name, outcome in outcomes.items():
        if outcome.stale_frames:
            yield f"{name}: {outcome.stale_frames} frames of cancelled replies came after the cancellation"
        if outcome.unreliable:
            yield f"{name}: {outcome.unreliable} calls left out, whose own pace was bad"
        if outcome.gave_up:
            # Most often: what should have let the reply go on stopped it, so that nothing more could come into it.
            yield f"{name}: not acted out to the end: {', '.join(outcome.gave_up)}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedded", action="store_true", help="in real time, with the embedded engines")
    parser.add_argument("--calls", type=int, metavar="N", help="only so many calls, spread over the corpus")
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="other fixtures, or one folder of these")
    parser.add_argument("--only", metavar="TEXT", default="", help="only configurations whose name has this in it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples")
    arguments = parser.parse_args()
    chosen = {
        name: flags
        for name, flags in CONFIGURATIONS.items()
        if arguments.only in name and not (arguments.embedded and flags.keys() & {"stt", "tts"})
    }
    if not chosen:
        parser.error(f'no configuration has "{arguments.only}" in its name; there are {"; ".join(CONFIGURATIONS)}')
    outcomes: dict[str, Outcome] = {}
    try:
        called = list(callers(arguments.corpus, SHIFTS_MS))
        if arguments.calls:
            called = called[:: max(1, len(called) // arguments.calls)][: arguments.calls]
        for name, flags in chosen.items():
            if arguments.embedded:
                outcomes[name] = run_precisely(in_real_time(flags, called, name))
            else:
                outcomes[name] = on_virtual_clock(flags, called, name)
    except (CliError, fixtures.FixtureError) as error:
        print(error, file=sys.stderr)
        return 2
    engines = "embedded engines, real time" if arguments.embedded else "cloud-like delays, virtual time"
    console = Console(width=None if sys.stdout.isatty() else 240)
    console.print(table(outcomes, f"turn-taking, in ms: {engines}, {len(called)} calls each"))
    for remark in remarks(outcomes):
        console.print(remark)
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(outcomes), indent=2) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

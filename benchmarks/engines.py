"""What the embedded STT and TTS cost: `python benchmarks/engines.py [--repeat N] [--speakers N]`.

Speech is fed as it would be spoken, in pieces of 32 ms at real time, from the fixtures; so a run takes as long as what
is said in it. Latencies are measured at the caller of the engine. Memory is told on Linux only.
"""

import argparse
import asyncio
import statistics
import tomllib
import wave
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple

from voiceserver.engines.espeak import EspeakTts
from voiceserver.engines.pocketsphinx import PocketsphinxStt
from voicewire.clock import NS_PER_MS, NS_PER_S, SystemClock

FIXTURES = Path(__file__).parent.parent / "fixtures"
PIECE_MS = 32
PRE_ROLL_MS = 300
HANGOVER_MS = 400
CLAUSES = (
    "Well,",
    "Hello there, how are you?",
    "The weather in London is fine today,",
    "and tomorrow it will rain from nine in the morning until the late afternoon.",
)
CLOCK = SystemClock()


class Segment(NamedTuple):
    """An utterance as a VAD would cut it."""

    name: str
    text: str
    audio: bytes


class Heard(NamedTuple):
    text: str
    final_ms: float
    """From the last piece of audio to the final transcript."""
    first_partial_ms: float | None
    """From the first piece of audio to the first word."""
    partials: int
    cost_ms: float
    """The engine's time while it was waited for."""


def segments() -> list[Segment]:
    found: list[Segment] = []
    for description in sorted(FIXTURES.glob("*/fixture.toml")):
        fixture = tomllib.loads(description.read_text())
        with wave.open(str(description.parent / "audio.wav")) as file:
            audio = file.readframes(file.getnframes())
        for utterance in fixture["utterances"]:
            if utterance["kind"] == "speech":
                start = max(0, utterance["segments_ms"][0][0] - PRE_ROLL_MS) * 32
                end = (utterance["segments_ms"][-1][1] + HANGOVER_MS) * 32
                found.append(Segment(description.parent.name, utterance["text"], audio[start:end]))
    return found


async def listen(stt: PocketsphinxStt, audio: bytes, *, real_time: bool) -> Heard:
    begun_ns = CLOCK.now_ns()
    ended_ns = begun_ns
    waiting_ns = 0

    async def spoken() -> AsyncIterator[bytes]:
        nonlocal ended_ns, waiting_ns
        for index, start in enumerate(range(0, len(audio), PIECE_MS * 32)):
            asked_ns = CLOCK.now_ns()
            if real_time:
                due_ns = begun_ns + (index + 1) * PIECE_MS * NS_PER_MS
                await asyncio.sleep(max(0, due_ns - asked_ns) / NS_PER_S)
            waiting_ns += CLOCK.now_ns() - asked_ns
            yield audio[start : start + PIECE_MS * 32]
        ended_ns = CLOCK.now_ns()

    first_ns: int | None = None
    partials, text = 0, ""
    async for transcript in stt.transcribe(spoken(), locale="en"):
        if transcript.is_final:
            text = transcript.text
        else:
            partials += 1
            first_ns = first_ns or CLOCK.now_ns()
    done_ns = CLOCK.now_ns()
    return Heard(
        text,
        (done_ns - ended_ns) / NS_PER_MS,
        None if first_ns is None else (first_ns - begun_ns) / NS_PER_MS,
        partials,
        (done_ns - begun_ns - waiting_ns) / NS_PER_MS,
    )


def word_errors(said: str, heard: str) -> int:
    """Words to change, leave out and put in."""
    row = list(range(len(heard.split()) + 1))
    for i, word in enumerate(said.split(), 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard.split(), 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


def summary(samples: Sequence[float]) -> str:
    """Median, p95 where there are enough samples for one, largest, and how many they are."""
    p95 = f"   p95 {statistics.quantiles(samples, n=20)[-1]:7.1f}" if len(samples) >= 20 else ""
    return f"p50 {statistics.median(samples):7.1f}{p95}   max {max(samples):7.1f}   n={len(samples)}"


def memory_mb(pid: int) -> tuple[float, float] | None:
    """Private and proportional memory of a process."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    kb = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines[1:])}
    return (kb["Private_Clean"] + kb["Private_Dirty"]) / 1000, kb["Pss"] / 1000


def print_memory(what: str, pids: Sequence[int]) -> None:
    for pid in pids:
        if (found := memory_mb(pid)) is not None:
            print(f"  memory {what:<22} private {found[0]:5.1f} MB   proportional {found[1]:5.1f} MB")


async def measure_stt(repeat: int, speakers: int) -> None:
    begun_ns = CLOCK.now_ns()
    stt = PocketsphinxStt(PocketsphinxStt.Settings(workers=max(2, speakers)))
    await stt.start()
    print(f"\npocketsphinx: started in {(CLOCK.now_ns() - begun_ns) / NS_PER_MS:.0f} ms")
    print_memory("of a worker at start", stt.worker_pids[:1])
    said = segments()
    alone = [(segment, await listen(stt, segment.audio, real_time=True)) for _ in range(repeat) for segment in said]
    together: list[Heard] = []
    for segment in said * repeat:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(listen(stt, segment.audio, real_time=True)) for _ in range(speakers)]
        together += [task.result() for task in tasks]
    flat_out = [(segment, await listen(stt, segment.audio, real_time=False)) for segment in said]

    first = [heard.first_partial_ms for _, heard in alone if heard.first_partial_ms is not None]
    seconds = sum(len(segment.audio) for segment in said) / 32_000
    errors = sum(word_errors(segment.text, heard.text) for segment, heard in alone)
    print(f"  final after last audio, ms     {summary([heard.final_ms for _, heard in alone])}")
    print(f"  the same, {speakers} speak at once, ms  {summary([heard.final_ms for heard in together])}")
    print(f"  first word after speech began  {summary([ms - PRE_ROLL_MS for ms in first])}")
    print(f"  partials a second              {sum(heard.partials for _, heard in alone) / seconds / repeat:.1f}")
    print(f"  RTF                            {sum(heard.cost_ms for _, heard in flat_out) / 1000 / seconds:.3f}")
    words = sum(len(segment.text.split()) for segment, _ in alone)
    print(f"  word errors                    {errors} of {words} ({100 * errors / words:.1f} %)")
    await measure_stt_memory(stt, max(said, key=lambda segment: len(segment.audio)))
    await stt.close()


async def measure_stt_memory(stt: PocketsphinxStt, segment: Segment) -> None:
    """Of a worker that has heard almost all of a long segment."""
    before = {pid: memory_mb(pid) for pid in stt.worker_pids}

    async def watched() -> AsyncIterator[bytes]:
        for start in range(0, len(segment.audio), 6400):
            yield segment.audio[start : start + 6400]
        grown = [pid for pid in stt.worker_pids if memory_mb(pid) != before.get(pid)]
        print_memory(f"after {len(segment.audio) / 32_000:.0f} s of speech", grown[:1])

    async for _ in stt.transcribe(watched(), locale="en"):
        pass


async def measure_tts(repeat: int) -> None:
    begun_ns = CLOCK.now_ns()
    tts = EspeakTts(EspeakTts.Settings())
    await tts.start()
    print(f"\nespeak: started in {(CLOCK.now_ns() - begun_ns) / NS_PER_MS:.0f} ms")
    first_ms: list[float] = []
    cost_ms = spoken_ms = 0.0
    for clause in CLAUSES * (10 * repeat):
        begun_ns = CLOCK.now_ns()
        heard_ns: int | None = None
        async for piece in tts.synthesize(clause, voice=None, locale="en"):
            heard_ns = heard_ns or CLOCK.now_ns()
            spoken_ms += len(piece.audio) / 2 / tts.sample_rate * 1000
        assert heard_ns is not None
        first_ms.append((heard_ns - begun_ns) / NS_PER_MS)
        cost_ms += (CLOCK.now_ns() - begun_ns) / NS_PER_MS
        await asyncio.sleep(0.02)
    print(f"  first audio after the text, ms {summary(first_ms)}")
    print(f"  RTF                            {cost_ms / spoken_ms:.4f}")
    print_memory("of a worker after use", tts.worker_pids[:1])
    await tts.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--repeat", type=int, default=2, help="how often each fixture is spoken (default %(default)s)")
    parser.add_argument("--speakers", type=int, default=3, help="how many speak at once (default %(default)s)")
    arguments = parser.parse_args()
    asyncio.run(measure_tts(arguments.repeat))
    asyncio.run(measure_stt(arguments.repeat, arguments.speakers))


if __name__ == "__main__":
    main()

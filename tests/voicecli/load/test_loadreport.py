from io import StringIO

from rich.console import Console, RenderableType

from tests.voicecli.loads import answered, level, load_run, refused
from voicecli.load.conductor import Standing
from voicecli.load.loadreport import level_line, load_report, standing
from voicecli.load.shift import Progress
from voicewire.clock import NS_PER_S


def shown(renderable: RenderableType) -> str:
    console = Console(file=StringIO(), width=100, highlight=False)
    console.print(renderable)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_each_level_has_a_row_and_the_knee_a_sentence() -> None:
    text = shown(load_report(load_run()))
    rows = [line.split() for line in text.splitlines()]
    assert ["1", "20", "0", "0", "0.67", "1.0", "900", "900", "20"] in rows
    assert ["1", "5", "·", "5", "100", "·", "100"] in rows
    assert "knee at 10 sessions: p95 voice-to-voice 1800 ms, 2.0× that of 1 session (900 ms)" in text


def test_failures_gaps_and_a_busy_generator_are_named() -> None:
    bad = level(50, [answered(underruns=1), *[refused()] * 3], died="its process ended by signal 9", cut=2)
    text = shown(load_report(load_run(bad)))
    for told in (
        "50 sessions: 3 × refused: all 50 sessions are in use",
        "50 sessions: 1 of 1 replies were heard with a gap",
        "50 sessions: 2 calls cut off by the interruption, and not counted",
        "50 sessions: generator-bound, not a measurement of the server: worker 2 died",
    ):
        assert told in text


def test_a_quantile_without_samples_enough_is_left_out() -> None:
    assert level_line(level(1, [answered()] * 19)) == "1 session: 19 calls; voice-to-voice 900 ms (n=19)"
    assert level_line(level(2, [answered()] * 20)) == "2 sessions: 20 calls; voice-to-voice 900 · 900 ms (n=20)"
    assert level_line(level(2, [refused()])) == "2 sessions: 1 call, 1 not as expected; no answer"


def test_a_level_on_its_way_says_how_it_goes() -> None:
    now = Standing(50, 12 * NS_PER_S, 35 * NS_PER_S, Progress(open=50, calls=80, bad=2, pending=9, window_over=False))
    assert standing(now).plain == "50 sessions  12 of 35 s  50 calls open, 80 measured, 2 not as expected"
    late = now._replace(elapsed_ns=36 * NS_PER_S, progress=now.progress._replace(window_over=True))
    assert standing(late).plain.endswith(
        "35 of 35 s  50 calls open, 80 measured, 2 not as expected  waiting for 9 to end"
    )


def test_a_run_without_levels_says_so() -> None:
    assert "no level was measured" in shown(load_report(load_run(levels=())))

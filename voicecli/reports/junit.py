"""A run as JUnit XML, for the CI systems that read it: a test suite for each fixture, a test case for each expectation
and each budget, over all calls with the fixture; a suite for the budgets of the whole run, and one for the verdicts."""

from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree as ET

from msgspec import UNSET

from voicecli.figures.budget import BudgetResult
from voicecli.figures.comparison import ComparedTurn
from voicecli.figures.run import FixtureRuns, Run
from voicecli.figures.verdict import Answer
from voicecli.reports.comparison_report import sentence
from voicecli.reports.judged import NO_VERDICT, Judged, called, missing

WHOLE_RUN = "budgets of the run"
VERDICTS = "comparison"
UNKNOWN_TIME = "1970-01-01T00:00:00"
"""A schema asks for some time."""


class _Case(NamedTuple):
    name: str
    failure_type: str
    failures: Sequence[str] = ()
    skipped: str | None = None
    output: str | None = None
    time_s: float = 0.0


def junit(run: Run, judged: Judged | None = None) -> bytes:
    """Valid against the schema of Jenkins; and against Ant's, which knows nothing that is skipped, where nothing is.

    Checks take no time of their own: the first case of a fixture has that of its calls, as the caller lived them.
    """
    suites = [
        (fixture.name, _expectations(fixture) + [_budget(each) for each in run.budgets if each.fixture == fixture.name])
        for fixture in run.fixtures
    ]
    general = [_budget(each) for each in run.budgets if each.fixture is UNSET]
    if general:
        suites.append((WHOLE_RUN, general))
    if judged is not None:
        suites.append((VERDICTS, _verdicts(judged)))
    root = ET.Element("testsuites")
    for number, (name, cases) in enumerate(suites):
        root.append(_suite(number, name, cases, run))
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _expectations(fixture: FixtureRuns) -> list[_Case]:
    failures: dict[str, list[str]] = {}
    for number, call in enumerate(fixture.runs, start=1):
        call_name = f"run {number} of {len(fixture.runs)}: " if len(fixture.runs) > 1 else ""
        for expectation in call.expectations:
            known = failures.setdefault(expectation.name, [])
            known += [f"{call_name}{failure}" for failure in expectation.failures]
    cases = [_Case(name, "expectation", failed) for name, failed in failures.items()]
    calls_ms = sum(call.duration_ms for call in fixture.runs if call.duration_ms is not UNSET)
    return [cases[0]._replace(time_s=calls_ms / 1000), *cases[1:]] if cases else []


def _budget(result: BudgetResult) -> _Case:
    name = f"{result.budget} ({result.place})"
    if result.failed:
        return _Case(name, f"budget {result.verdict.value}", [result.sentence])
    if result.value is UNSET:
        return _Case(name, "", skipped=result.sentence)
    return _Case(name, "", output=result.sentence)


def _verdicts(judged: Judged) -> list[_Case]:
    """One that lacks is a failure where it is required, and else is skipped."""
    lacking = missing(judged.comparison)
    cases = [_verdict(turn, judged.required, lacking) for turn in judged.comparison.turns]
    if not cases and lacking is not None:
        cases = [_no_verdict("verdict", judged.required, lacking)]
    return cases


def _verdict(turn: ComparedTurn, required: bool, lacking: str | None) -> _Case:
    answer = turn.verdict.answer
    name = called(turn)
    if answer in NO_VERDICT:
        return _no_verdict(name, required, f"{answer.value}; {lacking}" if lacking else answer.value)
    told = [f"{name}: {answer.value}", *map(sentence, turn.verdict.findings)]
    if answer is Answer.REGRESSION:
        return _Case(name, "regression", ["; ".join(told)])
    return _Case(name, "", output="; ".join(told))


def _no_verdict(name: str, required: bool, why: str) -> _Case:
    return _Case(name, "no verdict", [why]) if required else _Case(name, "", skipped=why)


def _suite(number: int, name: str, cases: Sequence[_Case], run: Run) -> ET.Element:
    suite = ET.Element(
        "testsuite",
        {
            "id": str(number),
            "name": _legal(name),
            "package": "voicecli",
            "hostname": "localhost",
            "timestamp": run.created[:19] if isinstance(run.created, str) else UNKNOWN_TIME,
            "tests": str(len(cases)),
            "failures": str(sum(bool(case.failures) for case in cases)),
            "errors": "0",
            "time": _seconds(sum(case.time_s for case in cases)),
        },
    )
    if skipped := sum(case.skipped is not None for case in cases):
        suite.set("skipped", str(skipped))
    properties = ET.SubElement(suite, "properties")
    properties_of = {"voicecli": run.voicecli} | {role: engine.name for role, engine in run.engines.items()}
    for key, value in properties_of.items():
        ET.SubElement(properties, "property", {"name": key, "value": _legal(value)})
    for case in cases:
        _add_case(suite, name, case)
    told = [_legal(case.output) for case in cases if case.output is not None]
    ET.SubElement(suite, "system-out").text = "\n".join(told) or None
    ET.SubElement(suite, "system-err")
    return suite


def _add_case(suite: ET.Element, suite_name: str, case: _Case) -> None:
    place = {"name": _legal(case.name), "classname": _legal(f"voicecli.{suite_name}"), "time": _seconds(case.time_s)}
    element = ET.SubElement(suite, "testcase", place)
    if case.failures:
        told = [_legal(failure) for failure in case.failures]
        failure = ET.SubElement(element, "failure", {"type": case.failure_type, "message": told[0]})
        failure.text = "\n".join(told)
    elif case.skipped is not None:
        ET.SubElement(element, "skipped").text = _legal(case.skipped)


def _seconds(time_s: float) -> str:
    return f"{time_s:.3f}" if time_s else "0"


def _legal(text: str) -> str:
    """Without what XML 1.0 cannot hold, and what people cannot read."""
    return "".join(char if char.isprintable() else " " for char in text)

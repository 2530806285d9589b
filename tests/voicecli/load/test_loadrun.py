import asyncio
import sys
from io import StringIO

import pytest
from msgspec import UNSET
from msgspec.structs import replace
from rich.console import Console

from tests.voicecli.loads import ENGINES, FIXTURE, HEALTHY, answered, level, taken
from tests.voicecli.peer import recorded
from voicecli.calls.call import CallSettings
from voicecli.calls.localserver import LocalServer
from voicecli.exits import CliError, ExitCode
from voicecli.figures.budget import Asked, Verdict, parsed
from voicecli.figures.run import Server
from voicecli.load.knee import Bend
from voicecli.load.loadrun import Alone, Arrival, Done, On, Plan, document, measured
from voicecli.load.shift import Script

PLAN = Plan(
    scripts=[Script(FIXTURE, recorded(FIXTURE))],
    sessions=[1, 10],
    arrival=Arrival.CLOSED,
    rate=None,
    duration_ns=30_000_000_000,
    seed=1,
    on=On.LOCAL,
    workers=1,
    ray_address=None,
    url="wss://user:secret@voice.example/voice?token=hush",
    flags={},
    call=CallSettings(timeout_s=1.0),
    budgets=[Asked(parsed("voice_to_voice p95 < 950ms", "--budget"), "--budget")],
)
BUSY = replace(HEALTHY, cpu_share=0.97)


def done() -> Done:
    levels = [level(1, [answered()] * 20), level(10, [answered(1800.0)] * 20), level(50, [answered(900.0)] * 20, BUSY)]
    server = LocalServer("ws://127.0.0.1:1/voice", Server(url="ws://127.0.0.1:1/voice"))
    return Done(server, [Alone(taken(), 4_000_000_000), Alone(taken(), 6_000_000_000)], [], levels, False)


def test_the_document_names_the_server_without_its_secrets_and_the_knee() -> None:
    told = document(PLAN, done())
    assert told.server.url == "wss://voice.example/voice"
    assert (told.ramp_s, told.fixtures[0].call_ms) == (5.0, 4000.0)
    assert told.knee is not UNSET
    assert (told.knee.bend, told.knee.sessions) == (Bend.SLOWER, 10)


def test_each_level_is_judged_by_each_budget_and_a_busy_generator_measures_none() -> None:
    told = document(PLAN, done())
    assert [(each.sessions, each.result.verdict, each.result.failed) for each in told.budgets] == [
        (1, Verdict.MET, False),
        (10, Verdict.MISSED, True),
        (50, Verdict.NOT_MEASURED, True),
    ]


def narrated(plan: Plan) -> None:
    asyncio.run(measured(plan, Console(file=StringIO())))


def test_ray_that_is_not_installed_is_told_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "voicecli.load.rayworkers", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(CliError, match=r"Ray is not installed; pip install 'voicecli\[ray\]'") as caught:
        narrated(PLAN._replace(on=On.RAY))
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_server_that_answers_nobody_is_not_loaded() -> None:
    flags: dict[str, str | None] = {**ENGINES, "llm": "scripted(fault=silent)"}
    with pytest.raises(CliError, match="a call alone was not answered") as caught:
        narrated(PLAN._replace(url=None, flags=flags))
    assert caught.value.exit_code is ExitCode.EXPECTATION_FAILED

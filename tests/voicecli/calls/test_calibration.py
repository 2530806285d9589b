import asyncio

import pytest

from tests.voicecli.peer import memory_pair
from voicecli.calls.calibration import OUTPUT, RUNS, Delays, errors, script
from voicecli.calls.call import CallSettings, place_call
from voicecli.calls.take import Take, concluded
from voicecli.calls.virtualtime import VirtualLoop, run_virtual
from voiceserver.service import Service
from voiceserver.settings import load


def virtual_take(delays: Delays, turns: int) -> Take:
    """A call on the virtual clock: client and server, VAD and codecs included, in one loop."""
    loop = VirtualLoop()
    fixture, recording = script(turns)

    async def main() -> Take:
        async with Service(load(delays.settings(), {}), loop) as service, asyncio.TaskGroup() as tasks:
            client_end, server_end = memory_pair()
            served = tasks.create_task(service.converse(server_end))
            record = await place_call(fixture, recording, client_end, loop, CallSettings(output=OUTPUT))
            await client_end.close()
            await served
            return concluded(fixture, record, delays.silence)

    return run_virtual(main(), loop)


@pytest.mark.parametrize("delays", RUNS)
def test_on_a_clock_without_noise_every_figure_is_what_was_declared(delays: Delays) -> None:
    take = virtual_take(delays, turns=10)
    assert len(take.turns) == 10
    assert {each.name: each.raw_ms for each in errors([(delays, take)])} == dict.fromkeys(
        delays.expected(), (0.0,) * 10
    )
    for turn in take.turns:
        assert turn.document.latencies.unattributed_ms == 0.0


def test_the_same_call_gives_the_same_figures_again() -> None:
    first, second = (virtual_take(RUNS[1], turns=3) for _ in range(2))
    assert [turn.document.latencies for turn in first.turns] == [turn.document.latencies for turn in second.turns]
    assert [turn.document.marks for turn in first.turns] == [turn.document.marks for turn in second.turns]

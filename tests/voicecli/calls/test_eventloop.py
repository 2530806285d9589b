import asyncio
import selectors

from voicecli.calls.eventloop import run_precisely


def test_the_loop_waits_with_a_selector_that_does_not_round_to_milliseconds() -> None:
    asked: list[float | None] = []

    async def main() -> str:
        loop = asyncio.get_running_loop()
        selector = loop._selector  # type: ignore[attr-defined]
        assert isinstance(selector, selectors.SelectSelector)
        really_select = selector._select  # type: ignore[attr-defined]

        def select(*arguments: object) -> object:
            asked.append(arguments[-1])  # type: ignore[arg-type]
            return really_select(*arguments)

        selector._select = select  # type: ignore[attr-defined]
        await asyncio.sleep(0.0004)
        return "done"

    assert run_precisely(main()) == "done"
    assert any(timeout is not None and 0 < timeout < 0.0005 for timeout in asked)

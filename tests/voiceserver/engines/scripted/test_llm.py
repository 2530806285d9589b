import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from voiceserver.engines.registry import Role, create
from voiceserver.engines.roles import ChatMessage, EngineError, Llm, Speaker, Token, TokenUsage
from voiceserver.engines.scripted.llm import ScriptedLlm
from voiceserver.engines.spec import SpecError

Virtual = Callable[..., Any]


def talk(*texts: str) -> list[ChatMessage]:
    """User and assistant in turn, the user first."""
    return [ChatMessage(Speaker.ASSISTANT if number % 2 else Speaker.USER, text) for number, text in enumerate(texts)]


async def timed(llm: Llm, conversation: list[ChatMessage], items: int | None = None) -> list[tuple[float, object]]:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await llm.start()
    got: list[tuple[float, object]] = []
    async for item in llm.reply(conversation, locale="en-US"):
        got.append((round((loop.time() - begun) * 1000, 6), item))
        if len(got) == items:
            break
    return got


def text_of(items: list[tuple[float, object]]) -> str:
    return "".join(item.text for _, item in items if isinstance(item, Token))


def test_a_fixed_reply_comes_word_by_word_at_its_pace_with_usage_last(virtual: Virtual) -> None:
    llm = create(Role.LLM, "scripted(text='It is fine.',ttft=120ms,pace=20ms)")
    assert virtual(timed(llm, talk("how is the weather"))) == [
        (120, Token("It ")),
        (140, Token("is ")),
        (160, Token("fine.")),
        (160, TokenUsage(input_tokens=4, output_tokens=3)),
    ]


def test_several_fixed_replies_follow_the_turns_of_the_conversation(virtual: Virtual) -> None:
    llm = create(Role.LLM, "scripted(text='one | two')")
    said = [virtual(timed(llm, talk(*["x"] * length))) for length in (1, 3, 5)]
    assert [text_of(items) for items in said] == ["one", "two", "one"]


def test_a_fixed_reply_may_be_empty(virtual: Virtual) -> None:
    assert virtual(timed(create(Role.LLM, "scripted(text='')"), talk("hello"))) == [(0, TokenUsage(1, 0))]


def test_the_persona_tells_the_time_of_the_wall_clock_given(virtual: Virtual) -> None:
    llm = ScriptedLlm(ScriptedLlm.Settings(), wall_clock=lambda: datetime(2026, 11, 3, 16, 5, tzinfo=UTC))
    assert text_of(virtual(timed(llm, talk("What time is it?")))).startswith("It is four oh five in the afternoon")


def test_rules_of_ones_own_replace_the_persona(virtual: Virtual, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nmatch = ["^ping$"]\nreply = ["Pong."]\n', encoding="utf-8")
    llm = create(Role.LLM, {"engine": "scripted", "rules": str(rules)})
    assert text_of(virtual(timed(llm, talk("Ping!")))) == "Pong."


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"\xff\xfe", "are not UTF-8 text"),
        (b"[[rule]]", "are wrong: Object missing required field `match`"),
        (b'[[rule]]\nmatch = ["("]\nreply = ["a"]', "are wrong: rule 1: the pattern '\\(' is wrong"),
    ],
)
def test_rules_that_cannot_be_used_are_named_at_the_start(
    virtual: Virtual, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    rules = tmp_path / "rules.toml"
    if content is not None:
        rules.write_bytes(content)
    llm = create(Role.LLM, {"engine": "scripted", "rules": str(rules)})
    with pytest.raises(EngineError, match=f"rules.toml {reason}"):
        virtual(llm.start())


def test_a_fault_in_the_middle_spares_the_words_before_it(virtual: Virtual) -> None:
    llm = create(Role.LLM, "scripted(text='one two three',fault=raise,fault_after=2)")
    assert text_of(virtual(timed(llm, talk("x"), 2))) == "one two "
    with pytest.raises(EngineError):
        virtual(timed(llm, talk("x")))


def test_a_fault_of_the_first_stream_leaves_the_second_alone(virtual: Virtual) -> None:
    llm = create(Role.LLM, "scripted(text=hi,fault=raise,fault_streams=1)")
    with pytest.raises(EngineError):
        virtual(timed(llm, talk("x")))
    assert text_of(virtual(timed(llm, talk("x")))) == "hi"


def test_an_endless_one_says_its_reply_over_and_over(virtual: Virtual) -> None:
    llm = create(Role.LLM, "scripted(text='on and',fault=endless,pace=20ms)")
    items = virtual(timed(llm, talk("x"), 5))
    assert text_of(items) == "on and on and on "
    assert [at for at, _ in items] == [0, 20, 40, 60, 80]


def test_the_persona_tells_the_time_that_its_settings_say(virtual: Virtual) -> None:
    llm = create(Role.LLM, "scripted(now='2026-11-03T16:05')")
    assert text_of(virtual(timed(llm, talk("What time is it?")))).startswith("It is four oh five in the afternoon")


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(SpecError, match="now must be a date and a time such as 2026-01-05T10:00, got 'noon'"):
        create(Role.LLM, "scripted(now=noon)")


def test_each_turn_has_its_own_times(virtual: Virtual) -> None:
    llm = create(Role.LLM, "scripted(text='Oh well.',ttft=9ms,pace=8ms,ttfts='70|',paces='|30')")
    for turn, instants in (((), [70, 78]), (("Oh well.", "b"), [9, 39]), (("Oh well.", "b", "Oh.", "c"), [70, 78])):
        assert [at for at, item in virtual(timed(llm, talk("a", *turn))) if isinstance(item, Token)] == instants


def test_times_that_are_none_are_refused() -> None:
    with pytest.raises(SpecError, match="paces must be times between"):
        create(Role.LLM, "scripted(paces=fast)")

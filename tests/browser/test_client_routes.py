"""A spoken turn over each route, with the embedded engines."""

from collections.abc import Callable
from typing import Any

import pytest

QUESTION = "what will the weather be like in london tomorrow"


@pytest.mark.parametrize(("route", "codec"), [("webcodecs", "opus"), ("mediarecorder", "webm-opus"), ("pcm", "pcm_s16le")])
def test_a_spoken_question_is_understood_and_answered(
    open_client: Callable[..., Any], voice_url: str, route: str, codec: str
) -> None:
    client = open_client("question-weather", url=voice_url, route=route)
    assert client.run("started.ready.input.codec") == codec
    final = client.wait_message("transcript_final")
    assert final["text"] == QUESTION
    assert client.wait_message("turn_end")["outcome"] == "completed"
    marks = client.marks()
    assert marks["mic.speech_end"] < marks["reply.first_frame_received"] < marks["reply.first_audible"]

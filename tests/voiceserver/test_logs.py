import json
import logging
from collections.abc import Iterator

import pytest

from voiceserver.logs import LOGGER, JsonFormatter, SessionLog, TextFormatter, configure


class Lines(logging.Handler):
    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def lines(request: pytest.FixtureRequest) -> Iterator[Lines]:
    handler = Lines(request.param)
    LOGGER.addHandler(handler)
    LOGGER.setLevel("INFO")
    yield handler
    LOGGER.removeHandler(handler)


@pytest.mark.parametrize("lines", [TextFormatter()], indirect=True)
def test_a_text_line_says_what_happened_with_its_fields(lines: Lines) -> None:
    SessionLog("ab12").info("turn ended", turn=3, reason="no words")
    assert lines.lines[0].split(" ", 1)[1] == 'INFO turn ended session=ab12 turn=3 reason="no words"'


@pytest.mark.parametrize("lines", [JsonFormatter()], indirect=True)
def test_a_json_line_is_one_object(lines: Lines) -> None:
    SessionLog("ab12").warning("turn failed", turn=3)
    line = json.loads(lines.lines[0])
    del line["t"]
    assert line == {"level": "warning", "event": "turn failed", "session": "ab12", "turn": 3}


@pytest.mark.parametrize("lines", [TextFormatter(), JsonFormatter()], indirect=True)
def test_an_exception_keeps_its_traceback(lines: Lines) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        SessionLog("ab12").exception("session failed")
    assert "ValueError: broken" in lines.lines[0]


def test_logs_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    before = LOGGER.handlers[:], LOGGER.level, LOGGER.propagate
    try:
        configure("info", "json")
        SessionLog("ab12").info("x")
        captured = capsys.readouterr()
        assert captured.out == ""
        assert json.loads(captured.err)["event"] == "x"
    finally:
        LOGGER.handlers[:], LOGGER.level, LOGGER.propagate = before

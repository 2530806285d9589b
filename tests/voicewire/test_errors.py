import pytest

from voicewire.errors import CLOSE_CODES, ErrorCode, ProtocolError


def test_an_error_carries_what_the_wire_needs() -> None:
    error = ProtocolError(ErrorCode.INVALID_FIELD, "the rate is too low", field="input[0].rate")
    assert (error.code, error.message, error.field, error.fatal) == (
        ErrorCode.INVALID_FIELD,
        "the rate is too low",
        "input[0].rate",
        False,
    )
    assert str(error) == "the rate is too low"
    assert repr(error) == "ProtocolError('invalid_field', 'the rate is too low', field='input[0].rate', fatal=False)"


@pytest.mark.parametrize(
    ("code", "close_code"),
    [
        (ErrorCode.MALFORMED_JSON, 1007),
        (ErrorCode.MESSAGE_TOO_LARGE, 1009),
        (ErrorCode.UNAUTHORIZED, 1008),
        (ErrorCode.SERVER_FULL, 1013),
        (ErrorCode.TOO_MANY_SESSIONS, 1013),
        (ErrorCode.SESSION_EXPIRED, 1008),
        (ErrorCode.STT_FAILED, 1002),
    ],
)
def test_an_error_knows_its_close_code(code: ErrorCode, close_code: int) -> None:
    assert ProtocolError(code, "").close_code == close_code


def test_close_codes_are_ones_that_an_endpoint_may_send() -> None:
    # 1005, 1006 and 1015 are reserved (RFC 6455, section 7.4.1).
    assert set(CLOSE_CODES.values()) <= {1001, 1002, 1003, 1007, 1008, 1009, 1011, 1013}


def test_codes_are_snake_case_and_unique() -> None:
    assert [code.value for code in ErrorCode] == [code.name.lower() for code in ErrorCode]

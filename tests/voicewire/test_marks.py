from voicewire.marks import ORDER, SPANS, ClockSide, Mark


def test_every_mark_says_what_happens_and_where() -> None:
    clients = [mark.value for mark in Mark if mark.side is ClockSide.CLIENT]
    assert clients == [
        "mic.speech_end",
        "reply.first_frame_received",
        "reply.first_audible",
        "barge_in.speech_start",
        "barge_in.silence",
    ]


def test_no_span_subtracts_two_clocks() -> None:
    assert [span.name for span in SPANS if span.start.side is not span.end.side] == []


def test_no_order_is_stated_between_two_clocks() -> None:
    assert [(first, second) for first, second in ORDER if first.side is not second.side] == []


def test_names_of_spans_are_unique() -> None:
    assert len({span.name for span in SPANS}) == len(SPANS)


def test_marks_are_defined_in_an_order_that_can_happen() -> None:
    defined = list(Mark)
    assert [(first, second) for first, second in ORDER if defined.index(first) > defined.index(second)] == []

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.voicecli.scenes import BEFORE, SCENES, TALKING, At, acted, connected
from voicecli.talking.problems import Problem
from voicecli.talking.talkstate import (
    Doing,
    EchoGuardChosen,
    Ending,
    LevelMeasured,
    MuteChanged,
    ProblemTold,
    RecordingBegan,
    RecordingEnded,
    SessionClosed,
    SessionReconnecting,
    SoundMeasured,
    TalkEvent,
    TalkState,
)
from voicecli.tui.lines import (
    WORDS,
    figure_lines,
    fullness,
    keys_line,
    meter,
    problem_text,
    problems_text,
    recording_line,
    state_line,
    words,
)
from voicewire.messages import ReplyPaused, ReplyResumed, TranscriptPartial, TurnEnd, TurnOutcome

PAUSED, RESUMED = At(30_000, ReplyPaused(turn_id=3)), At(30_400, ReplyResumed(turn_id=3))
MURMUR = At(500, TranscriptPartial(turn_id=1, text="er", stable_chars=0))
SILENT = At(900, TurnEnd(turn_id=1, outcome=TurnOutcome.NO_SPEECH))
KEYS = (("a", "one"), ("b", "two"), ("?", "help"), ("q", "quit"))


def test_everything_that_the_conversation_can_be_doing_has_its_words() -> None:
    assert WORDS.keys() == set(Doing)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (acted(SCENES["connecting"]), "◌ Connecting  to ws://127.0.0.1:8080/voice"),
        (acted(connected()), "○ Listening  Just talk."),
        (acted(connected(), push_to_talk=True), "○ Ready  Press space, talk, and press it again."),
        (acted([*connected(), SILENT], push_to_talk=True), "○ Ready  Nothing was heard. Press space and talk."),
        (acted([*connected(), SILENT]), "○ Listening  Just talk."),
        (acted([*connected(), MURMUR, SILENT], push_to_talk=True), "○ Ready  Press space, talk, and press it again."),
        (acted(TALKING, push_to_talk=True), "● Hearing you  Press space when you have finished."),
        (acted([*SCENES["speaking"], At(30_000, MuteChanged(True))]), "▶ Speaking, and you are muted"),
        (acted(SCENES["speaking"], push_to_talk=True), "▶ Speaking  i stops it."),
        (
            acted([*SCENES["speaking"], At(30_000, EchoGuardChosen("gate", hears_over=False))]),
            "▶ Speaking  i stops it.",
        ),
        (acted([*SCENES["speaking"], PAUSED]), "‖ Speaking  It waits to see whether that is you."),
        (acted([*SCENES["speaking"], PAUSED, RESUMED]), "▶ Speaking  Talk over it to cut in."),
        (acted([*BEFORE, At(0, SessionReconnecting(3, 1.0))]), "◌ Reconnecting  It goes on by itself. Attempt 3."),
        (acted(SCENES["closed"]), "× Closed  enter goes on, q leaves."),
    ],
)
def test_the_state_is_told_in_words_and_a_sign(state: TalkState, told: str) -> None:
    sign, word, hint, _ = words(state)
    assert f"{sign} {word}  {hint}".rstrip() == told


def test_a_meter_is_empty_at_60_db_below_full_scale_and_full_at_10() -> None:
    assert [fullness(level) for level in (float("-inf"), -60, -35, -10, 0)] == [0, 0, 0.5, 1, 1]
    assert meter(TalkState(level_dbfs=-35.0), 10).plain == "━━━━━─────"


def test_a_muted_microphone_has_an_empty_meter() -> None:
    assert meter(TalkState(level_dbfs=-10.0, muted=True), 4).plain == "────"


def test_the_meter_is_gone_with_the_microphone() -> None:
    assert "─" not in state_line(acted(SCENES["device-lost"]), 80).plain


@given(st.sampled_from([acted(script) for script in SCENES.values()]), st.integers(1, 200))
def test_lines_are_never_wider_than_the_terminal(state: TalkState, width: int) -> None:
    recording = recording_line(state, width)
    assert recording is None or recording.cell_len <= max(width, len(" r ends it "))
    assert all(line.cell_len <= width for line in figure_lines(state, width).split())
    assert keys_line(KEYS, width).cell_len <= width
    if width >= 20:
        assert state_line(state, width).cell_len <= width


def test_a_recording_is_told_without_colours_too() -> None:
    line = recording_line(acted([At(0, RecordingBegan("a\x1b[0mb"))]), 40)
    assert line is not None
    assert line.plain == " ● recording to a [0mb        r ends it "
    assert "reverse" in str(line.spans[-1].style)
    assert recording_line(TalkState(), 40) is None


def test_where_a_recording_went_is_told_until_the_next_one_begins() -> None:
    def line(*events: TalkEvent) -> str:
        found = recording_line(acted([At(0, event) for event in events]), 80)
        return "" if found is None else found.plain.rstrip()

    ended = RecordingEnded("there")
    assert line(RecordingBegan("there"), ended) == "   recorded to there · voicecli replay there"
    assert line(RecordingBegan("there"), ended._replace(ending=Ending.CUT_OFF)) == (
        " ! The recording ended with the connection. It is in there."
    )
    assert line(RecordingBegan("there"), ended._replace(ending=Ending.FAILED)) == ""
    assert line(ended, RecordingBegan("here")).startswith(" ● recording to here")


def test_problems_and_the_reason_of_the_end_are_told_once_each() -> None:
    gone, lost = Problem("gone", "It is gone.", "Look for it."), Problem("lost", "It is lost.", lasting=True)
    state = acted([At(0, ProblemTold(gone)), At(1, ProblemTold(lost)), At(2, SessionClosed(lost))])
    told = problems_text(state, 80)
    assert told is not None
    assert told.plain.splitlines() == [" ! It is lost.", " ! It is gone. Look for it."]
    assert problems_text(TalkState(), 80) is None


def test_a_long_problem_is_broken_between_words_and_indented() -> None:
    told = problem_text(Problem("x", "It is all over.", "Install that library, then start again.", True), 20)
    assert told.plain.splitlines() == [" ! It is all over.", "   Install that", "   library, then", "   start again."]
    assert {str(span.style) for span in told.spans if span.start < len(" ! It is all over.")} == {"bold red"}


def test_what_the_server_itself_says_stands_between_what_happened_and_what_to_do() -> None:
    told = problem_text(Problem("x", "It failed.", "Do this.", detail="No such voice."), 80)
    assert told.plain == " ! It failed. No such voice. Do this."


def test_what_is_not_known_is_a_dash_and_never_nought() -> None:
    assert figure_lines(TalkState(), 80).plain.split("\n") == [
        " ↑ – · ↓ – · round trip – · underruns –".ljust(80),
        " – → –".ljust(80),
    ]


def test_figures_are_formats_buffers_round_trip_and_route() -> None:
    script = [*connected(), At(90, SoundMeasured(60.4, 180.0, 2, 40.0)), At(91, EchoGuardChosen("half-duplex"))]
    first, second = figure_lines(acted([*script, At(92, LevelMeasured(-9.0))]), 120).plain.split("\n")
    assert first.strip() == (
        "↑ opus 48 kHz 60 ms · ↓ opus 48 kHz 180 ms · round trip 12 ms · underruns 2 · microphone lost 40 ms"
    )
    assert second.strip() == (
        "USB Headset Mono → USB Headset Stereo · half-duplex · silero, pocketsphinx, scripted, espeak"
    )


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (33, " a one  b two  ? help  q quit"),
        (29, " a one  b two  ? help  q quit"),
        (28, " a one b two ? help q quit"),
        (25, " a one  ? help  q quit"),
        (20, " a one ? help q quit"),
        (15, " ? help  q quit"),
        (14, " ? help q quit"),
        (9, " ? help q"),
    ],
)
def test_where_there_is_little_room_help_and_quit_are_the_last_keys_to_go(width: int, line: str) -> None:
    assert keys_line(KEYS, width).plain == line

"""The lines above and below the conversation: state and level, recording, problems, figures, keys."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from voicecli.client.viewstate import ViewState
from voicecli.reports.report import printable
from voicecli.talking.problems import Problem
from voicecli.talking.recorder import replay_command
from voicecli.talking.talkstate import Device, Doing, Ending, Phase, RecordingEnded, TalkState, doing
from voicewire.messages import TurnOutcome

WORDS: dict[Doing, tuple[str, str, str, str]] = {
    Doing.CONNECTING: ("◌", "Connecting", "", "dim"),
    Doing.LISTENING: ("○", "Listening", "Just talk.", "green"),
    Doing.HEARING: ("●", "Hearing you", "", "bold cyan"),
    Doing.THINKING: ("◐", "Thinking", "", "bold yellow"),
    Doing.SPEAKING: ("▶", "Speaking", "Talk over it to cut in.", "bold magenta"),
    Doing.MUTED: ("×", "Muted", "You are not heard.", "bold red"),
    Doing.WAITING: ("○", "Ready", "Press space, talk, and press it again.", "green"),
    Doing.TYPING: ("○", "Type with t", "There is no microphone.", "green"),
    Doing.RECONNECTING: ("◌", "Reconnecting", "It goes on by itself.", "bold yellow"),
    Doing.CLOSED: ("×", "Closed", "", "bold red"),
}
"""What is told of each: sign, word, hint, style. The state is in the sign and the word; colour only repeats it."""

QUIET_DBFS, LOUD_DBFS = -60.0, -10.0
"""Where a level meter is empty, and where it is full."""


def words(state: TalkState) -> tuple[str, str, str, str]:
    now = doing(state)
    sign, word, hint, style = WORDS[now]
    if now is Doing.CONNECTING and state.address:
        hint = f"to {printable(state.address)}"
    elif now is Doing.RECONNECTING and state.attempt > 1:
        hint = f"{hint} Attempt {state.attempt}."
    elif now is Doing.WAITING and _heard_nothing(state.call):
        hint = "Nothing was heard. Press space and talk."
    elif now is Doing.CLOSED:
        hint = "enter goes on, q leaves."
    elif state.talking and now is Doing.HEARING:
        hint = "Press space when you have finished."
    elif now in (Doing.THINKING, Doing.SPEAKING) and state.muted and not state.push_to_talk:
        word, hint = f"{word}, and you are muted", ""
    elif now is Doing.SPEAKING and (state.push_to_talk or not state.hears_over or not _is_open(state.microphone)):
        hint = "i stops it."
    if now is Doing.SPEAKING and any(turn.paused for turn in state.call.turns):
        sign, hint, style = "‖", "It waits to see whether that is you.", "magenta"
    return sign, word, hint, style


def _heard_nothing(call: ViewState) -> bool:
    """Not a word came of the newest turn."""
    newest = call.turns[-1] if call.turns else None
    return newest is not None and newest.outcome is TurnOutcome.NO_SPEECH and not newest.partial


def fullness(level_dbfs: float) -> float:
    """How full a level meter is, from 0 to 1."""
    return min(1.0, max(0.0, (level_dbfs - QUIET_DBFS) / (LOUD_DBFS - QUIET_DBFS)))


def meter(state: TalkState, width: int) -> Text:
    level = 0.0 if state.level_dbfs is None or state.muted else fullness(state.level_dbfs)
    full = round(level * width)
    style = "green" if level <= 0.75 else "yellow" if level <= 0.95 else "red"
    text = Text("━" * full, style=style)
    text.append("─" * (width - full), style="dim")
    return text


def state_line(state: TalkState, width: int) -> Text:
    sign, word, hint, style = words(state)
    left = Text.assemble((f" {sign} {word}", style), "  ", (hint, "dim"))
    if not _is_open(state.microphone) or state.phase is Phase.CLOSED:
        return _fitted(left, width)
    right = Text.assemble(meter(state, max(8, min(24, width // 5))), " ")
    return _fitted(left, width - right.cell_len - 2).append("  ").append_text(right)


def recording_line(state: TalkState, width: int) -> Text | None:
    """Impossible to miss, also without colours; after it where it went, up to the next one."""
    if state.recording is None:
        return None if state.recorded is None else _recorded_line(state.recorded, width)
    right = " r ends it "
    left = _fitted(Text(f" ● recording to {printable(state.recording)}"), width - len(right))
    left.append(right)
    left.stylize("bold red reverse")
    return left


def _recorded_line(recorded: RecordingEnded, width: int) -> Text | None:
    folder = printable(recorded.folder)
    match recorded.ending:
        case Ending.WHOLE:
            return _fitted(
                Text(f"   recorded to {folder} · {printable(replay_command(recorded.folder))}", "dim"), width
            )
        case Ending.CUT_OFF:
            told = f" ! The recording ended with the connection. It is in {folder}."
            return _fitted(Text(told, "bold yellow"), width)
        case Ending.FAILED:
            return None


def problem_text(problem: Problem, width: int) -> Text:
    """Lines broken between words, those behind the first one under its words."""
    bold = "bold red" if problem.lasting else "bold yellow"
    words = [(word, bold) for word in printable(problem.title).split()]
    words += [(word, "") for word in printable(f"{problem.detail} {problem.advice}").split()]
    text, at = Text(" !", bold), 2
    for word, style in words:
        length = 1 + cell_len(word)
        if at + length > width:
            text.append("\n  ")
            at = 2
        text.append(f" {word}", style)
        at += length
    return text


def problems_text(state: TalkState, width: int) -> Text | None:
    """Why the session is closed, and all that is wrong now. What was told last is the first that one sees."""
    told = list(state.problems)
    if state.closed_by is not None:
        told = [each for each in told if each.code != state.closed_by.code] + [state.closed_by]
    return Text("\n").join(problem_text(each, width) for each in reversed(told)) if told else None


def figure_lines(state: TalkState, width: int) -> Text:
    """Formats and what is buffered both ways, round trip, underruns; and the sound's route. Unknown is a dash."""
    ready, sound = state.call.ready, state.sound
    trip_ns = state.call.round_trip_ns
    up, down = ("–", "–") if ready is None else (str(ready.input), str(ready.output))
    buffered = "" if sound is None else f" {sound.uplink_ms:.0f} ms"
    ahead = "" if sound is None else f" {sound.downlink_ms:.0f} ms"
    figures = [f"↑ {up}{buffered}", f"↓ {down}{ahead}", f"round trip {_ms(trip_ns)}"]
    figures.append("underruns –" if sound is None else f"underruns {sound.underruns}")
    if sound is not None and sound.lost_ms >= 1:
        figures.append(f"microphone lost {sound.lost_ms:.0f} ms")
    route = [f"{_device(state.microphone)} → {_device(state.speaker)}", printable(state.echo)]
    if ready is not None:
        engines = (ready.engines.vad, ready.engines.stt, ready.engines.llm, ready.engines.tts)
        route.append(", ".join(printable(engine.name) for engine in engines))
    lines = [_fitted(Text(f" {_separated(each)}"), width) for each in (figures, route)]
    return Text("\n", style="dim").join(lines)


Key = tuple[str, str]


def keys_line(keys: Sequence[Key], width: int) -> Text:
    """Each key and what it does: closer together where there is little room, and without those before the last two
    where there is less."""
    shown = list(keys)
    while len(shown) > 2 and _keys_width(shown, 1) > width:
        shown.pop(-3)
    gap = "  " if _keys_width(shown, 2) <= width else " "
    line = Text(" ")
    for number, (key, does) in enumerate(shown):
        line.append(gap if number else "")
        line.append(key, style="bold")
        line.append(f" {does}", style="dim")
    line.truncate(width, overflow="crop")
    return line


def _keys_width(keys: Sequence[Key], gap: int) -> int:
    return 1 + sum(cell_len(key) + 1 + cell_len(does) for key, does in keys) + gap * (len(keys) - 1)


def _fitted(text: Text, width: int) -> Text:
    """Exactly so wide."""
    if width <= 0:
        return Text("")
    text.truncate(width, overflow="ellipsis", pad=True)
    return text


def _is_open(device: Device | None) -> bool:
    """Of what nothing is known yet, the best is assumed."""
    return device is None or device.is_open


def _device(device: Device | None) -> str:
    if device is None:
        return "–"
    return printable(device.name) if device.is_open else "none"


def _separated(parts: Sequence[str]) -> str:
    return " · ".join(part for part in parts if part)


def _ms(length_ns: int | None) -> str:
    if length_ns is None:
        return "–"
    length_ms = length_ns / 1e6
    return f"{length_ms:.1f} ms" if length_ms < 10 else f"{length_ms:.0f} ms"

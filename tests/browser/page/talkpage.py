"""The page, and what can be said to it: as a user, and as the server."""

from typing import Any


class TalkPage:
    def __init__(self, page: Any) -> None:
        self.page = page

    def start(self) -> None:
        self.page.click("#main-button")
        self.page.wait_for_selector("body[data-view=talking]")

    def voice(self, script: str) -> Any:
        """Run with `voice`, the client's other end; then let the page draw."""
        result = self.page.evaluate(f"(() => {{ const voice = window.voice; return ({script}); }})()")
        self.drawn()
        return result

    def drawn(self) -> None:
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")

    def state(self, name: str) -> None:
        self.voice(f"voice.state('{name}')")

    def says(self, turn_id: int, text: str) -> None:
        """The user."""
        self.voice(
            f"""voice.message({{type: 'speech_started', turn_id: {turn_id}, position_ms: 0}}),
            voice.message({{type: 'transcript_final', turn_id: {turn_id}, text: `{text}`}})"""
        )

    def answers(self, turn_id: int, text: str) -> None:
        self.voice(f"voice.reply({turn_id}, `{text}`)")

    def turn(self, turn_id: int, said: str, answer: str, *, voice_to_voice_ms: int = 900) -> None:
        """A whole one, with all its marks."""
        self.says(turn_id, said)
        scale = voice_to_voice_ms / 900
        marks = {mark: after_ms * scale for mark, after_ms in MARKS.items()}
        self.voice(f"voice.stats(), voice.marks({turn_id}, {turn_id * 10_000}, {marks})")
        self.answers(turn_id, answer)
        self.voice(f"voice.message({{type: 'turn_end', turn_id: {turn_id}, outcome: 'completed'}})")

    def calls(self) -> list[list[Any]]:
        """What the page asked of the client."""
        calls: list[list[Any]] = self.page.evaluate("window.voice.calls")
        return calls

    def text(self, selector: str) -> str:
        """What is written there, also what only a screen reader reads."""
        text: str = self.page.text_content(selector)
        return text

    def label(self) -> str:
        return self.text("#main-label")

    def presence(self) -> str:
        presence: str = self.page.get_attribute("body", "data-presence")
        return presence

    def focused(self) -> str:
        """The id of the element that has the focus."""
        focused: str = self.page.evaluate("document.activeElement?.id || document.activeElement?.tagName")
        return focused


MARKS = {
    "mic.speech_end": 0,
    "audio.last_speech": 8,
    "vad.closed": 208,
    "stt.final": 240,
    "turn.committed": 608,
    "llm.requested": 609,
    "llm.first_token": 729,
    "tts.requested": 779,
    "tts.first_audio": 859,
    "reply.first_frame_sent": 861,
    "reply.first_frame_received": 880,
    "reply.first_audible": 900,
}
"""A turn in ms after the end of the user's speech."""

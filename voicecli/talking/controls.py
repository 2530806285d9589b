"""What a person can do in a conversation, whatever draws it."""

from pathlib import Path
from typing import Protocol


class Controls(Protocol):
    """Told by a key, or whatever stands for one.

    Each returns at once and raises nothing: what comes of it is seen in the state, or told as a problem.
    """

    def mute(self, muted: bool) -> None:
        """Hands-free: whether the microphone is heard."""

    def talk(self, talking: bool) -> None:
        """Push-to-talk: True begins an utterance, False ends it."""

    def interrupt(self) -> None:
        """Stop the answer."""

    def say(self, text: str) -> None:
        """A typed utterance: neither empty nor longer than `voicewire.messages.MAX_TEXT_INPUT`. Where the session is
        over, another one takes it."""

    def go_on(self) -> None:
        """Where the session is over, begin another one, with the same conversation."""

    def choose_input(self, name: str) -> None:
        """Another microphone, named as in `TalkState.inputs`."""

    def choose_output(self, name: str) -> None:
        """Another loudspeaker, named as in `TalkState.outputs`."""

    def record(self, folder: Path | None) -> None:
        """Record what is said and heard from now on; None ends it."""

    def quit(self) -> None:
        """Leave the conversation."""

"""What was said so far, as the language model is told: of the assistant, only what the user heard."""

from collections import OrderedDict

from voiceserver.engines.roles import ChatMessage, Speaker

LONGEST_CONVERSATION = 400
"""Messages that are kept; the oldest are forgotten."""


class Conversation:
    def __init__(self) -> None:
        self._messages: list[ChatMessage] = []
        self._taken: tuple[int, ChatMessage] | None = None
        """What was taken back, and where it stood, until the next utterance."""

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        return tuple(self._messages)

    @property
    def said(self) -> list[str]:
        """What the user said, utterance by utterance."""
        return [message.text for message in self._messages if message.speaker is Speaker.USER]

    def user_said(self, text: str) -> None:
        self._taken = None
        self._add(ChatMessage(Speaker.USER, text))

    def would_be(self, text: str) -> tuple[ChatMessage, ...]:
        """The messages, were the user to have said this."""
        return (*self._messages, ChatMessage(Speaker.USER, text))

    def take_back(self) -> None:
        """What the user said last was not all: the next utterance holds it too."""
        if self._messages and self._messages[-1].speaker is Speaker.USER:
            message = self._messages.pop()
            self._taken = (len(self._messages), message)

    def give_back(self) -> None:
        """There was no next utterance: what was taken back was said all the same."""
        if self._taken is not None:
            self._messages.insert(*self._taken)
            self._taken = None

    def user_heard(self, text: str) -> None:
        """The reply, cut to what was heard of it; nothing heard leaves no trace."""
        if text:
            self._add(ChatMessage(Speaker.ASSISTANT, text))

    def _add(self, message: ChatMessage) -> None:
        self._messages.append(message)
        del self._messages[:-LONGEST_CONVERSATION]


class ConversationStore:
    """Conversations by resume token, for clients that come back. Bounded: the one left longest ago is forgotten."""

    def __init__(self, capacity: int = 1000) -> None:
        self._capacity = capacity
        self._conversations: OrderedDict[str, Conversation] = OrderedDict()

    def keep(self, token: str, conversation: Conversation) -> None:
        self._conversations[token] = conversation
        self._conversations.move_to_end(token)
        while len(self._conversations) > self._capacity:
            self._conversations.popitem(last=False)

    def take(self, token: str) -> Conversation | None:
        """Whoever resumes owns the conversation; the token is good once."""
        return self._conversations.pop(token, None)

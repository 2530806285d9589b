from voiceserver.conversation import LONGEST_CONVERSATION, Conversation, ConversationStore
from voiceserver.engines.roles import ChatMessage, Speaker


def test_a_conversation_is_what_was_said_and_what_was_heard() -> None:
    conversation = Conversation()
    conversation.user_said("hello")
    conversation.user_heard("Hi, I")
    assert conversation.messages == (ChatMessage(Speaker.USER, "hello"), ChatMessage(Speaker.ASSISTANT, "Hi, I"))


def test_a_reply_of_which_nothing_was_heard_leaves_no_trace() -> None:
    conversation = Conversation()
    conversation.user_heard("")
    assert conversation.messages == ()


def test_the_oldest_messages_are_forgotten() -> None:
    conversation = Conversation()
    for number in range(LONGEST_CONVERSATION + 1):
        conversation.user_said(str(number))
    assert len(conversation.messages) == LONGEST_CONVERSATION
    assert conversation.messages[0].text == "1"


def test_a_resume_token_is_good_once() -> None:
    store = ConversationStore()
    conversation = Conversation()
    store.keep("token", conversation)
    assert store.take("token") is conversation
    assert store.take("token") is None


def test_a_full_store_forgets_the_conversation_left_longest_ago() -> None:
    store = ConversationStore(capacity=1)
    store.keep("old", Conversation())
    store.keep("new", Conversation())
    assert store.take("old") is None
    assert store.take("new") is not None

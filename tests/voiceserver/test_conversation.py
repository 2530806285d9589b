from voiceserver.conversation import LONGEST_CONVERSATION, Conversation, ConversationStore
from voiceserver.engines.roles import ChatMessage, Speaker


def test_a_conversation_is_what_was_said_and_what_was_heard() -> None:
    conversation = Conversation()
    conversation.user_said("hello")
    conversation.user_heard("Hi, I")
    assert conversation.messages == (ChatMessage(Speaker.USER, "hello"), ChatMessage(Speaker.ASSISTANT, "Hi, I"))
    assert conversation.said == ["hello"]


def test_a_reply_of_which_nothing_was_heard_leaves_no_trace() -> None:
    conversation = Conversation()
    conversation.user_heard("")
    assert list(conversation.messages) == []


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


def test_an_utterance_that_is_taken_back_comes_again_with_the_next_or_is_given_back() -> None:
    conversation = Conversation()
    conversation.user_said("what time is it")
    conversation.take_back()
    assert list(conversation.messages) == []
    conversation.user_heard("Ten")
    conversation.give_back()
    assert [message.text for message in conversation.messages] == ["what time is it", "Ten"]
    conversation.user_said("and in london")
    conversation.take_back()
    conversation.user_said("and in london tomorrow")
    conversation.give_back()
    assert [message.text for message in conversation.messages][-1] == "and in london tomorrow"

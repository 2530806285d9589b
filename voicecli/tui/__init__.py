"""The screen of a conversation. It only draws `voicecli.talkstate.TalkState`; nothing else imports Textual."""

"""The screen of a conversation. It only draws `voicecli.talking.talkstate.TalkState`; nothing else imports Textual."""

"""The client's end of a voicewire session: the wire, what was seen, what is heard."""

"""The commands, the client, and the bench that measures a voice server."""

__version__ = "0.1.0"

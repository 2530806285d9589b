"""The voice server: sessions, turn-taking, the overlapped pipeline, and the engines it runs on."""

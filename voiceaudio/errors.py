"""Exceptions of the audio layer.

Exception
└── AudioError          the audio cannot be decoded or encoded; the message is a sentence for a person
    └── AudioOverflow   more audio came in than is taken away; what did not fit was dropped
"""


class AudioError(Exception):
    """Audio that cannot be decoded or encoded."""


class AudioOverflow(AudioError):
    """More audio came in than was taken away; what did not fit was dropped."""

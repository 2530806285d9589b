"""The voicewire protocol, version 1, and the latency vocabulary: pure, shared by both ends.

Nothing here does I/O; only `clock.py` reads a clock.
"""

SUBPROTOCOL = "voicewire.v1"
VERSION = 1

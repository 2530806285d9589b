"""A fixture acted out to a server, in real time or on a virtual clock."""

"""Engines of the four roles (`roles.py`), found by name (`registry.py`), chosen with settings (`spec.py`)."""

import os

from hypothesis import settings

# A shared machine may be slow at any moment: a test fails for what is wrong, not for how long it took. A build fails
# for what changed: there the examples are the same each time, and new ones are tried where somebody can look into them.
settings.register_profile("project", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("project")

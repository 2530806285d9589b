from hypothesis import settings

# A shared machine may be slow at any moment: a test fails for what is wrong, not for how long it took.
settings.register_profile("project", deadline=None)
settings.load_profile("project")

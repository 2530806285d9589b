"""A spoken conversation, whatever draws it."""

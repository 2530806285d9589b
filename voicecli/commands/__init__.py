"""The commands: a module each, with a function of its name that the command line calls."""

"""Engines that follow a script: declared delays, declared failures, and nothing else that takes time.

They wait on the running event loop only and read no clock, so on a virtual clock their times are exact. With default
settings they answer at once.
"""

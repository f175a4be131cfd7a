"""Lists and the history, of every adapter whose provider has them."""

from worker.testing.number_history import *  # noqa: F403 - its tests

"""The life of one number, through every adapter that ships."""

from worker.testing.number_life import *  # noqa: F403 - its tests

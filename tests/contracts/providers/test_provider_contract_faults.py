"""What every adapter makes of a provider that fails."""

from worker.testing.number_faults import *  # noqa: F403 - its tests

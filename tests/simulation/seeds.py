"""Which seeds a run of the simulation has."""

import os


def seeds(few: int) -> range:
    """`AW_SIMULATION_SEEDS=200`: that many; `17:18`: the one that failed; else a few."""
    first, _, end = os.environ.get("AW_SIMULATION_SEEDS", f"0:{few}").rpartition(":")
    return range(int(first or 0), int(end))

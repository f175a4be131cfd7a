"""How long codes took, kept as numbers per step of time: steps can be added up, medians cannot."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final

#: Where each step but the first begins, in seconds; the last one has no end.
STEPS: Final = (
    1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 120, 150, 180, 240, 300, 360,
    480, 600, 720, 900, 1080, 1200, 1800, 3600,
)  # fmt: skip

assert all(a < b for a, b in pairwise(STEPS))


def median_seconds(numbers: Sequence[int]) -> float | None:
    """As if the numbers of a step were spread evenly in it; None where there are none."""
    total = sum(numbers)
    if not total:
        return None
    begins = (0, *STEPS)
    for step, (number, so_far) in enumerate(zip(numbers, accumulate(numbers), strict=True)):
        if so_far * 2 >= total:
            begin, end = begins[step], begins[min(step + 1, len(STEPS))]
            part = (total / 2 - (so_far - number)) / number
            return round(begin + (end - begin) * part, 1)
    raise AssertionError("half of the numbers are in some step")

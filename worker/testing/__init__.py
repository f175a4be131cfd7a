"""For those who write a provider family: the tests that every family passes. They need pytest."""

import pytest

#: Their asserts are rewritten at import: this stands where it runs before theirs.
SUITES = ("abilities", "faults", "history", "life")
pytest.register_assert_rewrite(*(f"worker.testing.number_{suite}" for suite in SUITES))

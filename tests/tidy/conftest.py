"""A tidy test that fails says which page explains its rule."""

from collections.abc import Generator
from typing import Final

import pytest

PAGE: Final = "worker/docs/changing.md#when-a-check-fails"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        report.sections.append(("The rule is explained in", PAGE))
    return report

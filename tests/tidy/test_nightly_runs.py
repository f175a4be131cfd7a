"""`make nightly`: what is asked of it is not asked of what it runs."""

from pathlib import Path

import pytest

from tests import nightly


def test_a_make_that_it_runs_does_not_take_its_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nightly, "OUTPUT", tmp_path)
    # As make tells them to what it runs.
    monkeypatch.setenv("OPTIONS", "--only servers")
    monkeypatch.setenv("MAKEFLAGS", r" -- OPTIONS=--only\ servers")

    assert nightly.passes(nightly.Run("servers", "", ("make", "--dry-run", "servers")))

    said = (tmp_path / "servers.txt").read_text()
    assert "tests.servers" in said
    assert "--only" not in said

"""A configuration directory of the test's own, and a loader that sees nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.settings.given import Load, Problems
from worker.settings import ConfigError, Loaded, load


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with one policy."""
    (tmp_path / "config/policies").mkdir(parents=True)
    (tmp_path / "config/providers").mkdir()
    (tmp_path / "config/policies/default.toml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def loading(here: Path) -> Load:
    def loading(
        toml: str = "",
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> Loaded:
        file = here / "config/worker.toml"
        file.write_text(toml)
        return load(
            file, environ=environ or {}, overrides=overrides, run_secrets=here / "run-secrets"
        )

    return loading


@pytest.fixture
def problems(loading: Load) -> Problems:
    """What is wrong with a configuration, as (key, source, message)."""

    def problems(*args: Any, **kwargs: Any) -> list[tuple[str, str, str]]:
        with pytest.raises(ConfigError) as error:
            loading(*args, **kwargs)
        return [(each.key, each.source, each.message) for each in error.value.problems]

    return problems

"""`config/worker.toml` shows every setting with its default and a comment, and nothing else."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from worker.settings import load
from worker.settings.model import dotted, field_of, known_paths
from worker.settings.values import ListenAddress

FILE = Path(__file__).parents[2] / "config/worker.toml"
PROVIDER = ("providers", "NAME")
#: What a provider cannot do without has an example instead of a default.
EXAMPLES = {"family": "handler_api", "base_url": "http://127.0.0.1:8081", "api_key": "KEY"}
KEYS = sorted(known_paths(frozenset({"NAME"})))


def whole_file() -> str:
    """The file with the example provider switched on."""
    text = FILE.read_text(encoding="utf-8")
    head, mark, table = text.partition("# [providers.NAME]")
    assert mark
    return head + "[providers.NAME]" + re.sub(r"(?m)^# ?", "", table)


def documented() -> dict[tuple[str, ...], Any]:
    found: dict[tuple[str, ...], Any] = {}
    for table, keys in tomllib.loads(whole_file()).items():
        if table == "providers":
            found |= {(*PROVIDER, key): value for key, value in keys.pop("NAME").items()}
            assert keys == {}
        else:
            found |= {(table, key): value for key, value in keys.items()}
    return found


def default_of(key: tuple[str, ...]) -> object:
    field = field_of(key)
    assert field is not None
    match field.default:
        case SecretStr() as secret:
            return secret.get_secret_value()
        case ListenAddress() | Path() as value:
            return str(value)
        case None | ():
            return ""
        case value if value is PydanticUndefined:
            return EXAMPLES[key[-1]]
        case value:
            return value


def test_every_setting_is_in_the_file_and_nothing_else() -> None:
    assert sorted(documented()) == KEYS


@pytest.mark.parametrize("key", KEYS, ids=dotted)
def test_the_file_shows_the_default(key: tuple[str, ...]) -> None:
    assert documented()[key] == default_of(key)


def test_every_key_has_a_comment_above_it() -> None:
    lines = whole_file().splitlines()
    keys = [number for number, line in enumerate(lines) if re.match(r"[a-z_]+ = ", line)]

    bare = [lines[number] for number in keys if not lines[number - 1].startswith("# ")]

    assert (bare, len(keys)) == ([], len(KEYS))


def test_the_file_changes_nothing(tmp_path: Path) -> None:
    empty = tmp_path / "worker.toml"
    empty.touch()

    with_file = load(FILE, environ={}, run_secrets=tmp_path).settings

    assert with_file == load(empty, environ={}, run_secrets=tmp_path).settings


def test_the_example_of_a_provider_is_valid(tmp_path: Path) -> None:
    (tmp_path / "providers").mkdir()
    (tmp_path / "worker.toml").touch()
    key = tmp_path / "hero_api_key"
    key.write_text("key")
    example = (FILE.parent / "providers/hero.toml.example").read_text(encoding="utf-8")
    own = example.replace("/run/secrets/hero_api_key", str(key))
    (tmp_path / "providers/hero.toml").write_text(own, encoding="utf-8")

    settings = load(tmp_path / "worker.toml", environ={}, run_secrets=tmp_path).settings

    assert settings.providers["hero"].dialect == "hero"

"""Where settings come from, one layer each: a tree of values and the origin of every one."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_settings import EnvSettingsSource, TomlConfigSettingsSource

from worker.domain.shipped import config_directory
from worker.settings import model
from worker.settings.values import ConfigError, ConfigProblem

RUN_SECRETS = Path("/run/secrets")
FILE_CHARS_MAX = 1_000_000  #: No configuration or secret is longer; a device file may be.


@dataclass(frozen=True, slots=True)
class Layer:
    """Values of one rank, nested like the settings."""

    values: Mapping[str, Any] = field(repr=False)  #: As they were read: secrets are plain text.
    origin: Callable[[model.Key], str]  #: Where the value of a key came from, in the user's words.
    problems: tuple[ConfigProblem, ...] = ()

    def holds(self, key: model.Key) -> bool:
        tree: object = self.values
        for part in key:
            if not isinstance(tree, Mapping) or part not in tree:
                return False
            tree = tree[part]
        return True

    def value(self, key: model.Key) -> object:
        tree: object = self.values
        for part in key:
            assert isinstance(tree, Mapping)
            tree = tree[part]
        return tree


@dataclass(slots=True)
class Collected:
    """Values gathered one by one."""

    values: dict[str, Any] = field(default_factory=dict, repr=False)
    origins: dict[model.Key, str] = field(default_factory=dict)
    problems: list[ConfigProblem] = field(default_factory=list)

    def put(self, key: model.Key, value: object, origin: str) -> None:
        tree = self.values
        for part in key[:-1]:
            tree = tree.setdefault(part, {})
        tree[key[-1]] = value
        self.origins[key] = origin

    def layer(self) -> Layer:
        return Layer(self.values, lambda key: self.origins.get(key, ""), tuple(self.problems))


class _Named(EnvSettingsSource):
    """Values by names of the environment's kind, from a mapping instead of this process."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(model.Settings)
        self.env_vars = {name.lower(): value for name, value in values.items()}


def command_line(overrides: Mapping[str, Any] | None) -> Layer:
    return Layer(overrides or {}, lambda _: "command line")


def environment(environ: Mapping[str, str]) -> Layer:
    """`AW_` names; one that is no key is a mistake, because it would silently do nothing."""
    ours = {
        name: value
        for name, value in environ.items()
        if name.startswith(model.PREFIX) and name not in model.COMMAND_LINE_NAMES
    }
    unknown = {name for name in ours if not model.is_known(model.path_of(name))}
    known = {name: value for name, value in ours.items() if name not in unknown}
    names = {model.path_of(name): name for name in known}
    problems = tuple(_unknown_name(name) for name in sorted(unknown))
    return Layer(_Named(known)(), lambda key: names.get(key, "environment"), problems)


def _unknown_name(name: str) -> ConfigProblem:
    close = model.suggestion(model.path_of(name))
    hint = f"; did you mean {model.environment_name(close)}?" if close else ""
    return ConfigProblem("", name, f"no setting has this name in the environment{hint}")


def secret_directories(environ: Mapping[str, str], run_secrets: Path = RUN_SECRETS) -> list[Path]:
    """systemd's credentials first, then those of containers."""
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    return [*([Path(credentials)] if credentials else []), run_secrets]


def secret_directory(directory: Path) -> Layer:
    """Files named like the environment's names, in lower case: `aw_database__url`.

    Files of other names belong to others, and are not opened.
    """
    collected = Collected()
    for file in _entries(directory):
        key = model.path_of(file.name)
        if model.is_known(key):
            put_file(collected, key, file)
        else:
            collected.problems.append(ConfigProblem("", str(file), "no setting has this name"))
    return collected.layer()


def _entries(directory: Path) -> Iterator[Path]:
    try:
        files = sorted(directory.iterdir())
    except OSError:
        return  # Most machines have none.
    for file in files:
        if file.name.lower().startswith(model.PREFIX.lower()):
            yield file


def put_file(collected: Collected, key: model.Key, file: Path) -> None:
    """Read one secret; the newline that editors leave at its end is no part of it."""
    try:
        with file.open(encoding="utf-8") as opened:
            text = opened.read(FILE_CHARS_MAX).strip()
    except OSError as error:
        problem = f"the file cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        problem = "the file is not UTF-8 text"
    else:
        problem = "" if text else "the file is empty"
        collected.put(key, text, f"file {file}")
    if problem:
        collected.problems.append(ConfigProblem(model.dotted(key), f"file {file}", problem))


def find_config(given: Path | None, environ: Mapping[str, str]) -> Path:
    """`--config`, else AW_CONFIG, else ./config/worker.toml, else the one that ships."""
    if given is not None:
        return given
    if environ.get("AW_CONFIG"):
        return Path(environ["AW_CONFIG"])
    here = Path("config/worker.toml")
    return here if here.is_file() else config_directory() / "worker.toml"


def config_files(file: Path) -> list[Layer]:
    """The file itself, and one file per provider next to it."""
    providers = sorted((file.parent / "providers").glob("*.toml"))
    return [Layer(read_toml(file), lambda _: str(file)), *map(_provider_file, providers)]


def _provider_file(file: Path) -> Layer:
    return Layer({"providers": {file.stem: read_toml(file)}}, lambda _: str(file))


def named_twice(layers: list[Layer]) -> list[ConfigProblem]:
    """Two files for one provider: which of them counts would be a guess about money."""
    seen: dict[str, str] = {}
    problems = []
    for layer in layers:
        providers = layer.values.get("providers")
        for name in providers if isinstance(providers, Mapping) else ():
            key = ("providers", name)
            if name in seen:
                message = f"this provider is also in {seen[name]}; keep one of them"
                problems.append(ConfigProblem(model.dotted(key), layer.origin(key), message))
            seen.setdefault(name, layer.origin(key))
    return problems


def read_toml(file: Path) -> dict[str, Any]:
    try:
        if not file.is_file():
            raise ConfigError([ConfigProblem("", str(file), "there is no such configuration file")])
        return TomlConfigSettingsSource(model.Settings, toml_file=file).toml_data
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([ConfigProblem("", str(file), f"is not valid TOML: {error}")]) from None
    except UnicodeDecodeError:
        raise ConfigError([ConfigProblem("", str(file), "is not UTF-8 text")]) from None
    except OSError as error:
        raise ConfigError(
            [ConfigProblem("", str(file), f"cannot be read: {error.strerror}")]
        ) from None

"""Command line > environment > secret files > TOML > defaults, for every pair of them."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.settings.given import HERO, Load
from worker.adapters.events.webhook import Signer
from worker.settings import Loaded, load
from worker.settings.load import effective

RANKS = ("command line", "environment", "named file", "credentials", "run secrets", "toml")
KEY = ("redis", "url")


def url_of(rank: str) -> str:
    return f"redis://{rank.replace(' ', '-')}/0"


def load_with(here: Path, ranks: tuple[str, ...]) -> Loaded:
    """The same key given by each of *ranks*, each with a value of its own."""
    toml, environ, overrides = ["[redis]"], {}, {}
    for rank in ranks:
        match rank:
            case "command line":
                overrides = {"redis": {"url": url_of(rank)}}
            case "environment":
                environ["AW_REDIS__URL"] = url_of(rank)
            case "named file":
                (here / "redis-url").write_text(url_of(rank) + "\n")
                toml.append('url_file = "redis-url"')
            case "credentials" | "run secrets":
                (here / rank).mkdir()
                (here / rank / "aw_redis__url").write_text(url_of(rank) + "\n")
                if rank == "credentials":
                    environ["CREDENTIALS_DIRECTORY"] = str(here / rank)
            case _:
                toml.append(f'url = "{url_of(rank)}"')
    file = here / "config/worker.toml"
    file.write_text("\n".join(toml))
    return load(file, environ=environ, overrides=overrides, run_secrets=here / "run secrets")


@pytest.mark.parametrize(("strong", "weak"), list(itertools.combinations(RANKS, 2)))
def test_the_stronger_source_wins_whichever_two_there_are(
    here: Path, strong: str, weak: str
) -> None:
    loaded = load_with(here, (strong, weak))

    assert loaded.settings.redis.url.get_secret_value() == url_of(strong)


@pytest.mark.parametrize("rank", RANKS)
def test_every_source_is_stronger_than_the_default(here: Path, rank: str) -> None:
    assert load_with(here, (rank,)).settings.redis.url.get_secret_value() == url_of(rank)


@pytest.mark.parametrize(
    ("rank", "source"),
    [
        ("command line", "command line"),
        ("environment", "AW_REDIS__URL"),
        ("named file", "file redis-url"),
        ("credentials", "file {here}/credentials/aw_redis__url"),
        ("run secrets", "file {here}/run secrets/aw_redis__url"),
        ("toml", "{here}/config/worker.toml"),
    ],
)
def test_every_value_knows_where_it_came_from(here: Path, rank: str, source: str) -> None:
    assert load_with(here, (rank,)).origins.of(KEY) == source.format(here=here)


def test_a_value_nobody_set_comes_from_the_default(loading: Load) -> None:
    assert loading().origins.of(KEY) == "default"


def test_one_table_may_come_from_several_sources(loading: Load) -> None:
    loaded = loading(
        '[defaults]\nwindow_seconds = 60\npolicy = "default"',
        {"AW_DEFAULTS__WINDOW_SECONDS": "30", "AW_DEFAULTS__CREDIT_GRACE_SECONDS": "5"},
        {"defaults": {"window_seconds": 20}},
    )

    assert loaded.settings.defaults.model_dump() == {
        "policy": "default",
        "window_seconds": 20,
        "credit_grace_seconds": 5,
    }


def test_a_provider_may_be_finished_by_the_environment(loading: Load) -> None:
    loaded = loading(HERO, {"AW_PROVIDERS__HERO__POLL_SECONDS": "0.5"})

    hero = loaded.settings.providers["hero"]
    assert (hero.poll_seconds, hero.api_key.get_secret_value()) == (0.5, "key-in-toml")


def test_a_provider_may_come_from_the_environment_alone(loading: Load) -> None:
    environ = {
        "AW_PROVIDERS__TWO_WORDS__FAMILY": "fivesim",
        "AW_PROVIDERS__TWO_WORDS__BASE_URL": "https://provider.example/v1/",
        "AW_PROVIDERS__TWO_WORDS__API_KEY": "key",
    }

    provider = loading("", environ).settings.providers["two_words"]

    assert (provider.family, provider.base_url) == ("fivesim", "https://provider.example/v1")


def test_a_provider_may_have_a_file_of_its_own(here: Path, loading: Load) -> None:
    own = here / "config/providers/hero.toml"
    own.write_text(HERO.replace("[providers.hero]", ""))

    loaded = loading()

    assert loaded.settings.providers["hero"].family == "handler_api"
    assert loaded.origins.of(("providers", "hero", "family")) == str(own)


def test_the_file_of_a_secret_may_be_named_in_the_environment(here: Path, loading: Load) -> None:
    (here / "tokens").write_text("# who may call\nshop:operate:abc\nboard:read:def\n")

    tokens = loading("", {"AW_API__TOKENS_FILE": "tokens"}).settings.api.tokens

    assert [(token.name, token.scope) for token in tokens] == [
        ("shop", "operate"),
        ("board", "read"),
    ]


def test_the_secret_of_events_may_lie_in_a_file(here: Path, loading: Load) -> None:
    (here / "signing").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")

    secret = loading('[events]\nsecret_file = "signing"').settings.events.secret

    assert secret is not None
    assert secret.get_secret_value() == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize("between", [" ", "\n"])
def test_while_the_secret_of_events_is_replaced_there_are_two(
    here: Path, loading: Load, between: str
) -> None:
    both = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5"
    (here / "signing").write_text(between.join(both) + "\n")

    secret = loading('[events]\nsecret_file = "signing"').settings.events.secret

    assert secret is not None
    signatures = Signer(secret.get_secret_value()).sign("id", 0, b"{}").split()
    assert signatures == [Signer(each).sign("id", 0, b"{}") for each in both]


def test_a_file_that_is_not_needed_is_not_read(loading: Load) -> None:
    loaded = loading('[redis]\nurl_file = "not there"', {"AW_REDIS__URL": "redis://env/0"})

    assert loaded.settings.redis.url.get_secret_value() == "redis://env/0"


def test_files_of_others_in_a_secret_directory_are_not_opened(here: Path, loading: Load) -> None:
    (here / "run-secrets").mkdir()
    (here / "run-secrets/other").write_bytes(b"\xff\xfe")

    assert loading().settings.providers == {}


@pytest.mark.parametrize("how", ["--config", "AW_CONFIG", "working directory", "shipped"])
def test_the_file_is_looked_for_in_the_documented_order(here: Path, how: str) -> None:
    for name in ("given.toml", "named.toml", "config/worker.toml"):
        (here / name).write_text("")
    environ = {"AW_CONFIG": "named.toml"} if how in {"--config", "AW_CONFIG"} else {}
    if how == "shipped":
        (here / "config/worker.toml").unlink()

    loaded = load(
        Path("given.toml") if how == "--config" else None, environ=environ, run_secrets=here
    )

    assert str(loaded.config_file) == {
        "--config": "given.toml",
        "AW_CONFIG": "named.toml",
        "working directory": "config/worker.toml",
        "shipped": str(Path(__file__).parents[3] / "config/worker.toml"),
    }.get(how)


def test_a_default_policy_directory_that_is_not_there_means_the_shipped_one(
    here: Path, loading: Load
) -> None:
    (here / "config/policies/default.toml").unlink()
    (here / "config/policies").rmdir()

    found = loading().settings.policies.directory

    assert found == Path(__file__).parents[3] / "config/policies"


def test_settings_cannot_be_changed(loading: Load) -> None:
    settings = loading(HERO).settings

    for model in (settings, settings.database, settings.providers["hero"]):
        field = next(iter(type(model).model_fields))
        with pytest.raises(ValueError, match="frozen"):
            setattr(model, field, None)


def test_the_environment_of_the_process_is_not_read_behind_the_callers_back(
    loading: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AW_REDIS__URL", "redis://from-the-process/0")
    monkeypatch.setenv("AW_NO_SUCH_THING", "1")

    assert "from-the-process" not in loading().settings.redis.url.get_secret_value()


def test_names_of_the_environment_that_belong_to_commands_are_no_settings(loading: Load) -> None:
    environ = {"AW_URL": "http://127.0.0.1:8080", "AW_TOKEN": "x", "AW_CONFIG": "ignored here"}

    assert loading("", environ).settings.providers == {}


def shown(loaded: Loaded) -> dict[str, tuple[object, str]]:
    return {key: (value, source) for key, value, source in effective(loaded)}


def test_what_is_in_effect_shows_every_key_and_no_secret(
    loading: Load, all_secrets: Callable[[], tuple[str, dict[str, str]]]
) -> None:
    toml, secrets = all_secrets()

    lines = shown(loading(toml))

    text = repr(lines)
    assert [name for name, value in secrets.items() if value in text] == []
    assert lines["database.url"][0] == (
        "postgresql://owner:********@db.example:5432/books?sslpassword=********&sslmode=require"
    )
    assert lines["api.tokens"][0] == ["shop:operate:********"]
    assert lines["providers.hero.api_key"][0] == "********"
    assert lines["providers.hero.poll_seconds"] == (3.0, "default")
    assert lines["events.secret"][0] == "********"


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://shop.example/hooks/T0KEN?key=s3cr3t", "https://shop.example/********"),
        ("https://shop.example:8443", "https://shop.example:8443"),
    ],
)
def test_the_path_of_the_endpoint_is_a_secret(loading: Load, url: str, masked: str) -> None:
    loaded = loading("", {"AW_EVENTS__URL": url, "AW_EVENTS__SECRET": "whsec_" + "YWFh" * 8})

    assert shown(loaded)["events.url"][0] == masked
    assert not any(secret in repr(loaded.settings) for secret in ("T0KEN", "s3cr3t"))
    assert loaded.settings.events.url == url


@pytest.fixture
def all_secrets() -> Callable[[], tuple[str, dict[str, str]]]:
    secrets = {
        "database": "canary-database-password",
        "key password": "canary-key-password",
        "redis": "canary-redis-password",
        "token": "canary-token-of-the-api-1",
        "webhooks": "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5",
        "key": "canary-provider-key",
        "hook": "canary-hook-secret",
    }

    def written() -> tuple[str, dict[str, str]]:
        query = f"sslpassword={secrets['key password']}&sslmode=require"
        toml = f"""
[database]
url = "postgresql://owner:{secrets["database"]}@db.example:5432/books?{query}"
[redis]
url = "rediss://:{secrets["redis"]}@redis.example:6380/1"
[api]
tokens = "shop:operate:{secrets["token"]}"
[events]
url = "https://shop.example/events"
secret = "{secrets["webhooks"]}"
[providers.hero]
family = "handler_api"
base_url = "https://provider.example"
api_key = "{secrets["key"]}"
hook_secret = "{secrets["hook"]}"
"""
        return toml, secrets

    return written


def test_no_secret_is_in_the_text_of_the_settings(
    loading: Load, all_secrets: Callable[[], tuple[str, dict[str, str]]]
) -> None:
    toml, secrets = all_secrets()
    loaded = loading(toml)

    text = "".join(
        (repr(loaded), str(loaded.settings), loaded.settings.model_dump_json(warnings=False))
    )

    assert [name for name, value in secrets.items() if value in text] == []

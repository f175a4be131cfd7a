"""Every mistake is refused with its key, where it came from, and no secret in the text."""

import base64
from hashlib import sha256
from pathlib import Path

import pytest

from tests.unit.settings.given import HERO, Load, Problems
from worker.settings import ConfigError, load

WHSEC = "whsec_" + base64.b64encode(bytes(24)).decode()
SHA_OF_X = sha256(b"x").hexdigest()

# (toml, key, what the message says)
WRONG_VALUES = [
    ('[database]\nurl = "mysql://h/db"', "database.url", "must start with"),
    ('[database]\nurl = "postgresql://h:5432/"', "database.url", "must name a database"),
    ('[database]\nurl = "postgresql://h:p@ss@h:pw/db"', "database.url", "no URL"),
    ('[database]\nurl = ""', "database.url", "must start with"),
    ("[database]\npool_size = 1", "database.pool_size", "greater than or equal to 2"),
    ("[database]\npool_size = 101", "database.pool_size", "less than or equal to 100"),
    ("[database]\npool_size = true", "database.pool_size", "must be a number"),
    ('[redis]\nurl = "http://h/0"', "redis.url", "must start with"),
    ('[redis]\nurl = "redis:///0"', "redis.url", "must name a host"),
    ('[redis]\nurl = "unix://"', "redis.url", "must name a socket"),
    ('[redis]\nurl = "redis://h/abc"', "redis.url", "must name the database by its number"),
    ('[redis]\nurl = "rediss://h/0/1"', "redis.url", "must name the database by its number"),
    ('[redis]\nurl = "rediss://h/0?ssl_ca_cert=/x"', "redis.url", "option 'ssl_ca_cert'"),
    ('[redis]\nurl = "rediss://h/0?ssl_cert_reqs=no"', "redis.url", "option 'ssl_cert_reqs'"),
    ('[redis]\nurl = "redis://h/0?db=1&socket_timeout=x"', "redis.url", "option 'socket_timeout'"),
    ('[redis]\nurl = "redis://h/0?retry=3"', "redis.url", "option 'retry'"),
    ('[redis]\nurl = "unix:///run/valkey?password=p&dbb=1"', "redis.url", "option 'dbb'"),
    ('[api]\nlisten = "8080"', "api.listen", "HOST:PORT"),
    ('[api]\nlisten = "127.0.0.1:"', "api.listen", "HOST:PORT"),
    ('[api]\nlisten = ":8080"', "api.listen", "HOST:PORT"),
    ('[api]\nlisten = "::1:8080"', "api.listen", "HOST:PORT"),
    ('[api]\nlisten = "127.0.0.1:65536"', "api.listen", "the port must be"),
    ('[api]\nlisten = "a..b:80"', "api.listen", "the host is no name"),
    ("[api]\nlisten = 8080", "api.listen", "HOST:PORT"),
    ('[admin]\nlisten = "127.0.0.1:8080"', "admin.listen", "one port, one server"),
    ('[admin]\nlisten = "0.0.0.0:8080"', "admin.listen", "one port, one server"),
    ('[api]\ntokens = "shop"', "api.tokens", "token 1 must be NAME:SCOPE:TOKEN"),
    ('[api]\ntokens = "shop:operate:"', "api.tokens", "token 1 must be NAME:SCOPE:TOKEN"),
    ('[api]\ntokens = "a:read:x,b:write:y"', "api.tokens", "the scope of token 2"),
    ('[api]\ntokens = "a:read:x y"', "api.tokens", "printable ASCII"),
    ('[api]\ntokens = "a:read:x,a:read:y"', "api.tokens", "the same name"),
    ('[api]\ntokens = "a:read:x,b:read:x"', "api.tokens", "the same secret"),
    ('[api]\ntokens = "a:read+all:x"', "api.tokens", "the scope of token 1"),
    ('[api]\ntokens = "a:read:sha256:12"', "api.tokens", "64 hexadecimal digits"),
    (f'[api]\ntokens = "a:read:x,b:read:sha256:{SHA_OF_X}"', "api.tokens", "the same secret"),
    ("[api]\ntokens = 3", "api.tokens", "must be text"),
    ('[events]\nurl = "https://h"', "events.secret", "must be set"),
    (f'[events]\nurl = "ftp://h"\nsecret = "{WHSEC}"', "events.url", "must start with"),
    (f'[events]\nurl = "https://"\nsecret = "{WHSEC}"', "events.url", "must name a host"),
    ('[events]\nsecret = "secret"', "events.secret", "whsec_"),
    ('[events]\nsecret = "whsec_c2hvcnQ="', "events.secret", "whsec_"),
    ('[events]\nsecret = "whsec_%%%"', "events.secret", "whsec_"),
    (f'[events]\nsecret = "{WHSEC} secret"', "events.secret", "whsec_"),
    ("[defaults]\nwindow_seconds = 0", "defaults.window_seconds", "greater than or equal to 1"),
    ("[defaults]\nwindow_seconds = 86401", "defaults.window_seconds", "or equal to 86400"),
    ("[defaults]\nwindow_seconds = 1.5", "defaults.window_seconds", "integer"),
    ("[defaults]\ncredit_grace_seconds = -1", "defaults.credit_grace_seconds", "or equal to 0"),
    ('[defaults]\npolicy = "P9"', "defaults.policy", "no such policy"),
    ('[policies]\ndirectory = "elsewhere"', "policies.directory", "no directory elsewhere"),
    ("[retention]\ntexts_days = -1", "retention.texts_days", "greater than or equal to 0"),
    ("[retention]\nevents_days = 36501", "retention.events_days", "or equal to 36500"),
    ("[worker]\ndrain_seconds = -1", "worker.drain_seconds", "or equal to 0"),
    ("[canary]\nevery_seconds = 59", "canary.every_seconds", "greater than or equal to 60"),
    ("[canary]\nevery_seconds = 3601", "canary.every_seconds", "less than or equal to 3600"),
    ("[worker]\nworkers = 3", "worker.workers", "no such setting"),
    ("[databse]\nurl = 3", "databse", "no such setting"),
    ('[database]\nuri = "x"', "database.uri", "did you mean database.url?"),
    ("database = 3", "database", "valid dictionary"),
]
WRONG_PROVIDERS = [
    ('family = "sms-activate"', "family", "found 'sms-activate'"),
    ('dialect = "klassik"', "dialect", "found 'klassik'"),
    ('path = "stubs/handler_api"', "path", "begin with /"),
    ('path = "/stubs/handler_api?x"', "path", "no space, query"),
    ('path = "/stubs#x"', "path", "fragment"),
    ('base_url = "127.0.0.1:8081"', "base_url", "must start with"),
    ('base_url = "https://u:p@h"', "base_url", "a user or a password"),
    ('base_url = "https://h?key=1"', "base_url", "a query"),
    ('base_url = "https://h#x"', "base_url", "a fragment"),
    ('base_url = "https://a b"', "base_url", "spaces"),
    ('api_key = ""', "api_key", "printable ASCII"),
    (r'api_key = "a\r\nX: y"', "api_key", "printable ASCII"),
    ('hook_secret = "a/b"', "hook_secret", "letters, digits"),
    ("poll_seconds = 0", "poll_seconds", "greater than 0"),
    ("poll_seconds = nan", "poll_seconds", "greater than 0"),
    ("poll_seconds = inf", "poll_seconds", "or equal to 3600"),
    ("poll_seconds = true", "poll_seconds", "must be a number"),
    ("requests_per_second = 0", "requests_per_second", "or equal to 1"),
    ("requests_per_second = 100_001", "requests_per_second", "or equal to 100000"),
    ("max_in_flight = 0", "max_in_flight", "or equal to 1"),
    ("min_cancel_age_seconds = -1", "min_cancel_age_seconds", "or equal to 0"),
    ("lifetime_seconds = 0", "lifetime_seconds", "or equal to 1"),
    ('currency = "usd"', "currency", "ISO 4217"),
    ("exposure_limit_minor = -1", "exposure_limit_minor", "or equal to 0"),
    ("poll_secs = 3", "poll_secs", "did you mean providers.hero.poll_seconds?"),
]


@pytest.mark.parametrize(("toml", "key", "message"), WRONG_VALUES)
def test_a_wrong_value_is_named_by_its_key(
    here: Path, problems: Problems, toml: str, key: str, message: str
) -> None:
    ((found, source, text),) = problems(toml)

    assert (found, message in text) == (key, True), text
    assert source in {str(here / "config/worker.toml"), "default"}


@pytest.mark.parametrize(("line", "key", "message"), WRONG_PROVIDERS)
def test_a_wrong_value_of_a_provider_is_named_by_its_key(
    here: Path, problems: Problems, line: str, key: str, message: str
) -> None:
    kept = [each for each in HERO.splitlines() if not each.startswith(key)]

    ((found, source, text),) = problems("\n".join([*kept, line]))

    assert (found, message in text) == (f"providers.hero.{key}", True), text
    assert source == str(here / "config/worker.toml")


@pytest.mark.parametrize("key", ["family", "base_url", "api_key"])
def test_what_a_provider_must_have_is_asked_for(problems: Problems, key: str) -> None:
    kept = [line for line in HERO.splitlines() if not line.startswith(key)]

    ((found, source, text),) = problems("\n".join(kept))

    assert found == f"providers.hero.{key}"
    assert source.endswith("worker.toml")
    assert f"AW_PROVIDERS__HERO__{key.upper()}" in text


SIGNS_IN = HERO.replace("handler_api", "textverified")


def test_who_signs_in_needs_a_name(problems: Problems) -> None:
    ((key, _, text),) = problems(SIGNS_IN)

    assert (key, "must be set" in text) == ("providers.hero.api_username", True)


@pytest.mark.parametrize(
    ("key", "value"), [("api_username", "me@example.com"), ("hook_signing_secret", "whsec_x")]
)
def test_only_who_signs_in_has_a_name_and_signed_pushes(
    problems: Problems, key: str, value: str
) -> None:
    ((found, _, text),) = problems(HERO + f'{key} = "{value}"')

    assert (found, "only textverified" in text) == (f"providers.hero.{key}", True)
    assert value not in text


def test_a_name_that_would_end_its_header_is_refused(problems: Problems) -> None:
    ((found, _, text),) = problems(SIGNS_IN + r'api_username = "a\r\nX: y"')

    assert (found, "printable ASCII" in text) == ("providers.hero.api_username", True)


def test_only_handler_api_is_served_elsewhere(problems: Problems) -> None:
    toml = HERO.replace("handler_api", "fivesim") + 'path = "/stubs/handler_api"'

    ((key, _, text),) = problems(toml)

    assert (key, "fivesim" in text) == ("providers.hero.path", True)


def test_only_handler_api_has_dialects(problems: Problems) -> None:
    toml = HERO.replace("handler_api", "fivesim") + 'dialect = "classic"'

    ((key, _, text),) = problems(toml)

    assert (key, "fivesim" in text) == ("providers.hero.dialect", True)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("provider", "sim", "no such provider is configured; there are: hero"),
        ("service", "", "must be set where canary.provider is"),
        ("country", "", "must be set where canary.provider is"),
    ],
)
def test_a_canary_needs_a_provider_and_something_to_rent_there(
    loading: Load, problems: Problems, key: str, value: str, message: str
) -> None:
    wanted = {"provider": "hero", "service": "any", "country": "0"}

    def toml(given: dict[str, str]) -> str:
        return HERO + "[canary]\n" + "\n".join(f'{name} = "{each}"' for name, each in given.items())

    assert loading(toml(wanted)).settings.canary.provider == "hero"
    ((found, _, text),) = problems(toml({**wanted, key: value}))
    assert (found, text) == (f"canary.{key}", message)


@pytest.mark.parametrize("name", ["Hero", "a b", "-a", "a__b", "a-", "x" * 33])
def test_a_provider_needs_a_plain_name(problems: Problems, name: str) -> None:
    found = problems(HERO.replace("hero", f'"{name}"'))

    assert {key for key, _, _ in found} == {f"providers.{name}"}


def test_a_provider_in_two_files_is_refused(here: Path, problems: Problems) -> None:
    own = here / "config/providers/hero.toml"
    own.write_text(HERO.replace("[providers.hero]", ""))

    ((key, source, text),) = problems(HERO)

    assert (key, source) == ("providers.hero", str(own))
    assert str(here / "config/worker.toml") in text


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("AW_DATABASE__URI", "AW_DATABASE__URL?"),
        ("AW_DATABSE__URL", "AW_DATABASE__URL?"),
        ("AW_DATABASE", ""),
        ("AW_DATABASE__URL__X", ""),
        ("AW_", ""),
        ("AW_FOO", ""),
        ("AW_FOO__BAR", ""),
        ("AW_PROVIDERS__HERO", ""),
        ("AW_PROVIDERS__HERO__API_KAY", "AW_PROVIDERS__HERO__API_KEY?"),
        ("AW_PROVIDERS____API_KEY", ""),
    ],
)
def test_an_unknown_name_in_the_environment_is_refused(
    problems: Problems, name: str, hint: str
) -> None:
    ((key, source, text),) = problems(HERO, {name: "canary"})

    assert (key, source, hint in text, "canary" in text) == ("", name, True, False)


def test_other_names_of_the_environment_are_nobodys_business(loading: Load) -> None:
    loading("", {"PATH": "/bin", "AWS_REGION": "x", "RAW_DATABASE": "x", "aw_lower": "x"})


def test_a_wrong_value_in_the_environment_names_the_variable(problems: Problems) -> None:
    ((key, source, text),) = problems("", {"AW_DEFAULTS__WINDOW_SECONDS": "soon"})

    assert (key, source) == ("defaults.window_seconds", "AW_DEFAULTS__WINDOW_SECONDS")
    assert "'soon'" in text


def test_an_unknown_file_among_the_secrets_is_refused(here: Path, problems: Problems) -> None:
    (here / "run-secrets").mkdir()
    (here / "run-secrets/aw_database__pasword").write_text("canary")

    ((_, source, text),) = problems()

    assert source.endswith("aw_database__pasword")
    assert "canary" not in text


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), (b"", "is empty"), (b" \n", "is empty"), (b"\xff", "not UTF-8")],
)
def test_a_secret_file_that_cannot_be_used_is_named(
    here: Path, problems: Problems, content: bytes | None, message: str
) -> None:
    if content is not None:
        (here / "key").write_bytes(content)
    toml = HERO.replace('api_key = "key-in-toml"', 'api_key_file = "key"')

    found = problems(toml)

    assert ("providers.hero.api_key", "file key") in {(key, source) for key, source, _ in found}
    assert any(message in text for _, _, text in found)


def test_all_problems_are_listed_at_once(problems: Problems) -> None:
    found = problems(
        '[redis]\nurl = "http://h"\n[api]\nlisten = "x"',
        {"AW_NOPE": "1", "AW_WORKER__DRAIN_SECONDS": "long"},
        {"admin": {"lissten": "x"}},
    )

    assert {(key, source.rsplit("/", maxsplit=1)[-1]) for key, source, _ in found} == {
        ("redis.url", "worker.toml"),
        ("api.listen", "worker.toml"),
        ("", "AW_NOPE"),
        ("worker.drain_seconds", "AW_WORKER__DRAIN_SECONDS"),
        ("admin.lissten", "command line"),
    }


SECRET = "canary-canary-canary"


@pytest.mark.parametrize(
    "toml",
    [
        f'[database]\nurl = "mysql://u:{SECRET}@h/db"',
        f'[database]\nurl = "postgresql://u:{SECRET}@h:{SECRET}/db"',
        f'[redis]\nurl = "{SECRET}"',
        f'[redis]\nurl = "redis://h/{SECRET}"',
        f'[redis]\nurl = "redis://h/0?socket_timeout={SECRET}"',
        f'[redis]\nurl = "rediss://h/0?ssl_cert_reqs={SECRET}"',
        f'[api]\ntokens = "{SECRET}"',
        f'[api]\ntokens = "a:{SECRET}:x"',
        f'[api]\ntokens = "a:read:{SECRET} x"',
        f'[api]\ntoken = "a:read:{SECRET}"',
        f'[events]\nsecret = "{SECRET}"',
        f'[providers.hero]\nkey = "{SECRET}"',
        f'[providers.hero]\nhook_secret = "{SECRET}/"',
        f'[providers.hero]\nbase_url = "https://u:{SECRET}@h"',
        f'[providers]\nhero = "{SECRET}"',
        f'database = "{SECRET}"',
        f'api_key = "{SECRET}"',
    ],
)
def test_no_problem_repeats_a_secret(problems: Problems, toml: str) -> None:
    assert SECRET not in str(problems(toml))


@pytest.mark.parametrize("toml", ["x = ", "[a]\n[a]", "\x00"])
def test_a_file_that_is_no_toml_is_refused(problems: Problems, toml: str) -> None:
    ((_, source, text),) = problems(toml)

    assert (source.endswith("worker.toml"), "not valid TOML" in text) == (True, True)


def test_a_file_that_is_no_text_is_refused(here: Path) -> None:
    (here / "binary.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigError, match="not UTF-8"):
        load(here / "binary.toml", environ={})


@pytest.mark.parametrize("environ", [{}, {"AW_CONFIG": "nowhere.toml"}])
def test_a_file_that_is_not_there_is_refused(here: Path, environ: dict[str, str]) -> None:
    given = None if environ else here / "nowhere.toml"

    with pytest.raises(ConfigError, match="no such configuration file"):
        load(given, environ=environ)


def test_a_policy_that_cannot_be_used_is_refused(here: Path, problems: Problems) -> None:
    (here / "config/policies/mine.toml").write_text("no_such_field = 1")

    ((key, _, text),) = problems()

    assert (key, "mine.toml:1: no_such_field" in text) == ("policies.directory", True)


def test_the_error_says_each_problem_on_a_line_of_its_own(loading: Load) -> None:
    with pytest.raises(ConfigError) as error:
        loading('[redis]\nurl = "http://h"', {"AW_NOPE": "1"})

    first, second = str(error.value).splitlines()
    assert first.startswith("AW_NOPE: ")
    assert second.startswith("redis.url (")


@pytest.mark.parametrize(
    ("toml", "warning"),
    [
        ("", "api.tokens: none are set"),
        ("", "providers: none are configured"),
        ('[api]\ntokens = "shop:read:short"', "api.tokens: 'shop' has fewer than 22"),
        (HERO.replace("127.0.0.1", "h.example"), "providers.hero.base_url: http://"),
        (HERO + 'hook_secret = "short"', "providers.hero.hook_secret: has fewer than 22"),
        (
            f'[events]\nurl = "http://h.example"\nsecret = "{WHSEC}"',
            "events.url: http:// sends events unencrypted",
        ),
    ],
)
def test_what_is_allowed_and_probably_wrong_is_warned_about(
    loading: Load, toml: str, warning: str
) -> None:
    assert [each for each in loading(toml).warnings if each.startswith(warning)]


def test_nothing_is_warned_about_where_all_is_well(loading: Load) -> None:
    tokens = f'[api]\ntokens = "shop:operate:{"x" * 22}"'
    events = f'[events]\nurl = "http://127.0.0.1:9"\nsecret = "{WHSEC}"'

    assert loading(f"{tokens}\n{events}\n{HERO}").warnings == ()


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("[::1]:8080", "::1", 8080), ("localhost:0", "localhost", 0), ("10.0.0.1:80", "10.0.0.1", 80)],
)
def test_an_address_is_read_and_written_the_same(
    loading: Load, text: str, host: str, port: int
) -> None:
    listen = loading(f'[api]\nlisten = "{text}"').settings.api.listen

    assert (listen.host, listen.port, str(listen)) == (host, port, text)


def test_two_servers_may_both_let_the_system_choose_a_port(loading: Load) -> None:
    environ = {"AW_API__LISTEN": "127.0.0.1:0", "AW_ADMIN__LISTEN": "127.0.0.1:0"}

    assert loading("", environ).settings.admin.listen.port == 0


@pytest.mark.parametrize(
    "toml",
    [
        '[database]\nurl = "postgresql:///books?host=/run/postgresql"',
        '[database]\nurl = "postgres://u:p%40ss@[::1]:5432/books"',
        '[redis]\nurl = "unix:///run/valkey.sock?db=1"',
        '[redis]\nurl = "rediss://:p@h:6380/1"',
        '[redis]\nurl = "rediss://h?ssl_ca_certs=/etc/ca.pem&socket_timeout=2&timeout=1"',
        '[redis]\nurl = "redis://h/?db=2&client_name=shop"',
    ],
)
def test_the_usual_urls_are_accepted(loading: Load, toml: str) -> None:
    loading(toml)


@pytest.mark.parametrize("key", ["events.url", "events.secret", "api.tokens_file"])
def test_an_empty_text_means_not_set(loading: Load, key: str) -> None:
    table, _, name = key.partition(".")

    settings = loading(f'[{table}]\n{name} = ""').settings

    assert getattr(getattr(settings, table), name) is None

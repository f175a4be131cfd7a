"""`doctor`: everything the daemon depends on, one line each."""

import asyncio
import enum
import socket
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import redis.asyncio
import typer
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    RedisError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from worker.adapters.redis.connect import checked_name
from worker.adapters.store.database import scalar
from worker.adapters.store.layout import LAYOUT
from worker.adapters.store.postgres import PostgresStore
from worker.bootstrap import open_store
from worker.bootstrap.from_settings import metrics_of, providers_of, reporter_of, system_clock
from worker.domain.policy import policy_names
from worker.entrypoints.cli.client import connected, target_of
from worker.entrypoints.cli.configured import configured
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.options import ConfigOption
from worker.entrypoints.cli.output import Format, OutputOption, clean, money, write_json, write_line
from worker.ports.errors import ProviderError, ProviderUnavailable, SchemaMissing, StoreError
from worker.ports.provider import Provider
from worker.settings import Loaded, Settings
from worker.settings.values import ListenAddress


def doctor(config: ConfigOption = None, output: OutputOption = Format.TEXT) -> None:
    """Check everything the daemon depends on.

    Configuration, database and its schema, Redis (version, persistence,
    eviction), each provider's key and balance, clocks, ports; beside `dev`
    what its daemon says of its providers.

    Ends with 0 when nothing is broken, 5 when something cannot be reached,
    1 when it is broken in another way.
    """
    raise typer.Exit(asyncio.run(_run(config, output)))


async def _run(config: ConfigOption, output: Format) -> Exit:
    checks = []
    # Closed here: where the reader of the pipe is gone, the database is let go of in order.
    async with aclosing(run_checks(configured(config))) as results:
        async for check in results:
            checks.append(check)
            if output is Format.TEXT:
                hint = f"  (try: {check.hint})" if check.hint else ""
                write_line(clean(f"{check.health.value:11}  {check.name:22}  {check.says}{hint}"))
            elif output is Format.NDJSON:
                write_json(check.document())
    healths = {check.health for check in checks}
    exit_code = Exit.FAILED if Health.BROKEN in healths else Exit.OK
    exit_code = Exit.UNREACHABLE if Health.UNREACHABLE in healths else exit_code
    if output is Format.JSON:
        documents = [check.document() for check in checks]
        write_json({"healthy": exit_code is Exit.OK, "checks": documents}, indent=True)
    return exit_code


SKEW_MAX = timedelta(seconds=1)
CHECK_SECONDS_MAX = 15
POSTGRES_MIN = 15  #: The oldest that the statements were tested on.
REDIS_MIN = (6, 2)
_SAFE = {"noeviction"}


class Health(enum.Enum):
    OK = "ok"
    WARNING = "warning"  #: It works, but perhaps not as intended.
    BROKEN = "broken"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    health: Health
    says: str
    hint: str = ""

    def document(self) -> dict[str, str]:
        return {
            "name": self.name,
            "result": self.health.value,
            "says": self.says,
            "hint": self.hint,
        }


async def run_checks(loaded: Loaded) -> AsyncGenerator[Result, None]:
    """One check after the other; each result is yielded at once."""
    yield Result("configuration", Health.OK, f"{loaded.config_file} is valid")
    for warning in loaded.warnings:
        yield Result("configuration", Health.WARNING, warning)
    settings = loaded.settings
    known = policy_names(settings.policies.directory)
    async with open_store(settings) as store:
        for check in await _within("database", partial(database, store, known)):
            yield check
        for check in await _within("redis", partial(redis_server, settings)):
            yield check
        metrics, _ = metrics_of(settings)
        reporter = reporter_of(metrics, system_clock())
        for provider in providers_of(settings, reporter, system_clock()).values():
            for check in await _within(f"provider {provider.name}", partial(account, provider)):
                yield check
    if loaded.context is not None:  # Its ports are taken, by itself.
        for check in await _within("dev", partial(running_dev, loaded)):
            yield check
        return
    for name, address in (("api", settings.api.listen), ("admin", settings.admin.listen)):
        yield port(name, address)


async def running_dev(loaded: Loaded) -> list[Result]:
    """What the daemon of this `dev` says of its providers."""
    try:
        async with connected(target_of(None, None, None, loaded)) as daemon:
            providers = (await daemon.get("/v1/providers"))["items"]
    except Failure as failure:
        unreachable = failure.how is Exit.UNREACHABLE
        health = Health.UNREACHABLE if unreachable else Health.BROKEN
        return [Result("dev", health, failure.message, failure.hint)]
    return [
        Result("dev", Health.OK, "its daemon answers"),
        *(provider_of_dev(each["name"], each["state"], each["why"]) for each in providers),
    ]


def provider_of_dev(name: str, state: str, why: str | None) -> Result:
    health = Health.OK if state == "taking" else Health.WARNING
    says = f"{state}, says the daemon of `dev`" + (f": {why}" if why else "")
    return Result(f"provider {name}", health, says)


async def _within(name: str, check: Callable[[], Awaitable[list[Result]]]) -> list[Result]:
    try:
        async with asyncio.timeout(CHECK_SECONDS_MAX):
            return await check()
    except TimeoutError:
        return [Result(name, Health.UNREACHABLE, f"no answer within {CHECK_SECONDS_MAX} s")]


async def database(store: PostgresStore, policies: Sequence[str]) -> list[Result]:
    try:
        await store.ping()
        version = await store.db.read(lambda c: scalar(c, "SHOW server_version_num"))
        started = time.monotonic()
        clock = await store.db.read(lambda c: scalar(c, "SELECT clock_timestamp()"))
        took = time.monotonic() - started
        replica = await store.db.read(lambda c: scalar(c, "SELECT pg_is_in_recovery()"))
        fsync = await store.db.read(lambda c: scalar(c, "SHOW fsync"))
        written = await store.db.read(lambda c: scalar(c, "SELECT written FROM layout"))
        drained = await store.purchases.drained()
        gone = await store.policies.accounts_without(policies)
    except SchemaMissing as error:
        return [Result("database", Health.BROKEN, str(error), "activation-worker migrate")]
    except StoreError as error:
        mend = getattr(error, "mend", "") or "database.url"
        return [Result("database", Health.UNREACHABLE, str(error), mend)]
    return [
        *about_postgres(int(version), took, replica=replica, fsync=fsync),
        books(await store.books.guards()),
        *about_layout(int(written)),
        skew("database", clock),
        *(drained_provider(name, since) for name, since in drained.items()),
        *(gone_policy(name, accounts) for name, accounts in gone.items()),
    ]


def books(guards: frozenset[str]) -> Result:
    """Which guard keeps this role from rewriting what is in the books."""
    if not guards:
        hint = "activation-worker migrate, as the owner"
        return Result("books", Health.BROKEN, "nothing keeps them from being rewritten", hint)
    says = f"may not be rewritten: by {' and by '.join(sorted(guards))}"
    if "grant" in guards:
        return Result("books", Health.OK, says)
    hint = (
        "GRANT activation_worker TO this role (deploy/postgres/roles.sql),"
        " then activation-worker migrate, as the owner"
    )
    return Result("books", Health.WARNING, f"{says} alone", hint)


def about_layout(written: int) -> list[Result]:
    """Whether an upgrade waits for its end."""
    if written >= LAYOUT:
        return []
    says = "the upgrade is not ended: the books are written as the version before reads them"
    hint = "activation-worker migrate --finish, when you will not go back"
    return [Result("upgrade", Health.WARNING, says, hint)]


def drained_provider(provider: str, since: datetime) -> Result:
    says = f"no new rentals there since {since:%Y-%m-%d %H:%M:%S}: somebody stopped them"
    hint = f"activation-worker provider resume {provider}"
    return Result(f"provider {provider}", Health.WARNING, says, hint)


def gone_policy(name: str, accounts: int) -> Result:
    says = f"it has no file, and {accounts} accounts belong to it: a human decides their cases"
    return Result(f"policy {name}", Health.WARNING, says, "put its file back")


def about_postgres(version: int, took: float, *, replica: bool, fsync: str) -> list[Result]:
    major, minor = divmod(version, 10_000)
    checks = [Result("database", Health.OK, f"PostgreSQL {major}.{minor}, {took * 1000:.1f} ms")]
    if major < POSTGRES_MIN:
        checks.append(Result("database", Health.WARNING, f"older than {POSTGRES_MIN}: not tried"))
    if replica:
        hint = "database.url must name the primary"
        checks.append(Result("database", Health.BROKEN, "a replica: nothing can be written", hint))
    if fsync != "on":
        checks.append(Result("database", Health.WARNING, "fsync is off: a crash loses money"))
    return checks


async def redis_server(settings: Settings) -> list[Result]:
    url = settings.redis.url.get_secret_value()
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url, socket_timeout=5, socket_connect_timeout=5, **checked_name(url)
    )
    client = redis.asyncio.Redis.from_pool(pool)
    try:
        started = time.monotonic()
        seconds, micros = await client.time()
        took = time.monotonic() - started
        info = await client.info("everything")
    except (RedisError, OSError) as error:
        cause, mend = redis_refusal(error)
        return [Result("redis", Health.UNREACHABLE, cause, mend)]
    finally:
        await client.aclose()
    at = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micros)
    return [*about_redis(info, took), skew("redis", at)]


_REDIS_REFUSALS: Mapping[type[Exception], tuple[str, str]] = {
    AuthenticationError: (
        "it wants a password, or refuses the one it got",
        "user and password in redis.url",
    ),
    NoPermissionError: ("this user may not do that", "its rules: ACL LIST"),
    BusyLoadingError: ("it still loads its data", "again in a moment"),
    ssl.SSLCertVerificationError: ("its certificate is not trusted", "ssl_ca_certs in redis.url"),
    ssl.SSLError: ("TLS could not be agreed on", "redis:// or rediss:// in redis.url"),
    FileNotFoundError: ("its socket or a file is missing", "the paths in redis.url"),
    RedisTimeoutError: ("it does not answer in time", "host, port and redis:// or rediss://"),
    RedisConnectionError: ("nobody answers there", "host, port and redis:// or rediss://"),
}


def redis_refusal(error: Exception) -> tuple[str, str]:
    """Why Redis was not to be had, and what to mend."""
    # What the server says to the first commands of a connection is below a ConnectionError, and
    # so is what TLS says before them.
    below = error.__cause__ or error.__context__
    if isinstance(below, RedisError | ssl.SSLError | FileNotFoundError):
        error = below
    if "DB index" in str(error):
        return "there is no such database", "the number at the end of redis.url"
    for kind, refusal in _REDIS_REFUSALS.items():
        if isinstance(error, kind):
            return refusal
    return f"what answers is no Redis ({type(error).__name__})", "redis.url"


def about_redis(info: Mapping[str, Any], took: float) -> list[Result]:
    """What INFO says. Redis may lose everything, so missing persistence is only a warning."""
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info.get("valkey_version") or info.get("redis_version", "0"))
    checks = [Result("redis", Health.OK, f"{name} {version}, {took * 1000:.1f} ms")]
    if tuple(map(int, version.split(".")[:2])) < REDIS_MIN:
        oldest = ".".join(map(str, REDIS_MIN))
        checks.append(Result("redis", Health.BROKEN, f"older than {oldest}"))
    policy = info.get("maxmemory_policy", "noeviction")
    if policy not in _SAFE:
        says = f"maxmemory-policy is {policy}: looks and jobs can be thrown away"
        checks.append(Result("redis", Health.WARNING, says, "maxmemory-policy noeviction"))
    if not info.get("aof_enabled"):
        says = "no append-only file: after a restart the schedule is rebuilt from the database"
        checks.append(Result("redis", Health.WARNING, says, "appendonly yes"))
    return checks


def skew(name: str, clock: datetime) -> Result:
    """The difference of a clock to ours; half a round trip is far below the limit."""
    off = clock - datetime.now(UTC)
    says = f"differs from ours by {abs(off.total_seconds()):.3f} s"
    health = Health.OK if abs(off) <= SKEW_MAX else Health.WARNING
    return Result(f"clock of the {name}", health, says, "" if health is Health.OK else "NTP")


async def account(provider: Provider) -> list[Result]:
    """Whether the key is valid, by asking for the balance."""
    name = f"provider {provider.name}"
    try:
        balance = await provider.balance()
    except ProviderUnavailable as error:
        return [Result(name, Health.UNREACHABLE, error.detail, "is base_url right?")]
    except ProviderError as error:
        return [Result(name, Health.BROKEN, error.detail, "are api_key, family, dialect right?")]
    finally:
        await provider.close()
    left = money(balance.minor, balance.currency)
    if balance.minor <= 0:
        return [Result(name, Health.WARNING, f"the balance is {left}", "top it up")]
    return [Result(name, Health.OK, f"the key is good, the balance is {left}")]


def port(name: str, address: ListenAddress) -> Result:
    """Whether the daemon could listen there; a daemon that runs already listens there itself."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address.host, address.port))
    except OSError as error:
        says = f"{address}: {error.strerror}; fine if that is the running daemon"
        return Result(f"{name}.listen", Health.WARNING, says)
    return Result(f"{name}.listen", Health.OK, f"{address} is free")

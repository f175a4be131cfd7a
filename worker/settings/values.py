"""Values that are more than a word or a number: addresses, tokens, URLs, signing secrets.

Every parser raises `ValueError` with a text that never repeats a secret.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from pydantic import SecretStr

from worker.domain.families import NoSuchFamily, dialects_of


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing to put right. No text here holds a secret's value."""

    key: str  #: `providers.hero.base_url`; empty where a whole file is meant.
    source: str  #: A file, a name of the environment, "command line" or "default".
    message: str

    def __str__(self) -> str:
        where = f"{self.key} ({self.source})" if self.key else self.source
        return f"{where}: {self.message}"


class ConfigError(Exception):
    """The daemon must not start with this configuration."""

    def __init__(self, problems: Sequence[ConfigProblem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


PORT_MAX = 65_535
SAFE_TOKEN_CHARS = 22  #: URL-safe base64 of 128 random bits.
SCOPES = ("read", "operate", "decide")
HASHED = "sha256:"  #: Before the hash of a token, which stands in its place.
_WILDCARDS = {"0.0.0.0", "::"}  # noqa: S104 - compared with, never bound
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TOKEN = re.compile(r"[\x21-\x7e]{1,256}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HOOK_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_WHSEC = "whsec_"


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where a server listens; port 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def clashes_with(self, other: "ListenAddress") -> bool:
        if self.port == 0 or self.port != other.port:
            return False
        return self.host == other.host or bool(_WILDCARDS & {self.host, other.host})


@dataclass(frozen=True, slots=True)
class TokenSetting:
    """A bearer token of the HTTP API."""

    name: str  #: For logs: who called.
    scope: str  #: read, operate, decide, or several with + between
    secret: SecretStr  #: The token, or its hash.

    @property
    def is_hash(self) -> bool:
        return self.secret.get_secret_value().startswith(HASHED)

    @property
    def sha256(self) -> bytes:
        """What is compared with what callers send; the token itself is not kept."""
        secret = self.secret.get_secret_value()
        if self.is_hash:
            return bytes.fromhex(secret.removeprefix(HASHED))
        return hashlib.sha256(secret.encode()).digest()

    @property
    def weak(self) -> bool:
        """Whether it is shorter than 128 random bits can be written; of a hash nobody knows."""
        return len(self.secret.get_secret_value()) < SAFE_TOKEN_CHARS


def parse_address(value: object) -> ListenAddress:
    if isinstance(value, ListenAddress):
        return value
    host, _, port = str(value).rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not bare or (":" in bare and bare == host) or not re.fullmatch(r"[0-9]{1,5}", port):
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080")
    try:
        bare.encode("idna")  # As who listens there does.
    except UnicodeError:
        raise ValueError("the host is no name and no address") from None
    if int(port) > PORT_MAX:
        raise ValueError(f"the port must be 0 to {PORT_MAX}")
    return ListenAddress(bare, int(port))


def parse_tokens(value: object) -> tuple[TokenSetting, ...]:
    """NAME:SCOPE:TOKEN, separated by commas or lines; `#` starts a comment line."""
    if isinstance(value, tuple):
        return value
    if not isinstance(value, str):
        raise ValueError("must be text: NAME:SCOPE:TOKEN, separated by commas")  # noqa: TRY004 - pydantic collects ValueErrors
    lines = [line for line in value.splitlines() if not line.lstrip().startswith("#")]
    entries = [entry.strip() for line in lines for entry in line.split(",") if entry.strip()]
    tokens = tuple(_token(number, entry) for number, entry in enumerate(entries, start=1))
    if len({token.name for token in tokens}) < len(tokens):
        raise ValueError("two tokens have the same name")
    if len({token.sha256 for token in tokens}) < len(tokens):
        raise ValueError("two tokens are the same secret")
    return tokens


def _token(number: int, entry: str) -> TokenSetting:
    name, _, rest = entry.partition(":")
    scope, _, secret = rest.partition(":")
    if not _NAME.fullmatch(name) or not secret:
        raise ValueError(f"token {number} must be NAME:SCOPE:TOKEN")
    if not set(scope.split("+")) <= set(SCOPES):
        raise ValueError(f"the scope of token {number} must be {', '.join(SCOPES)} or some with +")
    if secret.startswith(HASHED) and not _SHA256.fullmatch(secret.removeprefix(HASHED)):
        raise ValueError(f"token {number} must have 64 hexadecimal digits after {HASHED}")
    if not _TOKEN.fullmatch(secret):
        raise ValueError(
            f"token {number} must be at most 256 printable ASCII characters, no spaces"
        )
    return TokenSetting(name, scope, SecretStr(secret))


#: What libpq takes for these, and the driver too.
_LIBPQ_WORDS = {
    "sslmode": {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
    "target_session_attrs": {
        *("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    },
}
_LIBPQ_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile")


def check_database_url(value: SecretStr) -> SecretStr:
    """As libpq has it: several hosts, each with its port, and parameters."""
    text = value.get_secret_value()
    hosts = urlsplit(text).netloc.rpartition("@")[2] if "//" in text else ""
    first, *others = hosts.split(",")
    split = _split(text.replace(hosts, first, 1), {"postgresql", "postgres"})
    for other in others:
        _split(f"postgresql://{other}/", {"postgresql"})
    if not split.path.strip("/"):
        raise ValueError("must name a database: postgresql://HOST:PORT/DATABASE")
    _check_parameters(dict(parse_qsl(split.query, keep_blank_values=True)))
    return value


def _check_parameters(given: Mapping[str, str]) -> None:
    for name, words in _LIBPQ_WORDS.items():
        if name in given and given[name] not in words:
            raise ValueError(f"{name} must be one of {', '.join(sorted(words))}")
    for name in _LIBPQ_FILES:
        if given.get(name) and not Path(given[name]).is_file():
            raise ValueError(f"{name} names no file that can be read")


def check_redis_url(value: SecretStr) -> SecretStr:
    split = _split(value.get_secret_value(), {"redis", "rediss", "unix"})
    if split.scheme == "unix":
        if not split.path:
            raise ValueError("must name a socket: unix:///PATH")
    elif not split.hostname:
        raise ValueError("must name a host: redis://HOST:PORT/DATABASE")
    elif not re.fullmatch(r"/?|/[0-9]+", split.path):  # The client takes any other for 0.
        raise ValueError("must name the database by its number: redis://HOST:PORT/0")
    for option, given in parse_qsl(split.query):
        _check_redis_option(split.scheme, option, given)
    return value


def _check_redis_option(scheme: str, option: str, given: str) -> None:
    """Whether the client makes a connection with it, which is not opened."""
    # Most URLs have no options, and its import takes as long as a whole command.
    from redis.asyncio import BlockingConnectionPool  # noqa: PLC0415
    from redis.exceptions import RedisError  # noqa: PLC0415

    url = f"{scheme}://localhost/?{urlencode({option: given})}"
    try:
        pool = BlockingConnectionPool.from_url(url)
        pool.make_connection()  # type: ignore[no-untyped-call] # the client's, without types
    except (AttributeError, TypeError, ValueError, RedisError):
        # The client's own text can hold the value.
        message = f"there is no option {option[:64]!r}, or none of this value"
        raise ValueError(message) from None


def check_http_url(value: str) -> str:
    """An address the worker calls: scheme, host, port, path."""
    split = _split(value, {"http", "https"})
    if not split.hostname:
        raise ValueError("must name a host: https://HOST")
    if split.username is not None or split.password is not None:
        raise ValueError("must not hold a user or a password")
    if split.fragment:
        raise ValueError("must not hold a fragment (#)")
    return value


def check_base_url(value: str) -> str:
    if "?" in check_http_url(value):
        raise ValueError("must not hold a query (?): the key is set by `api_key`")
    return value.rstrip("/")


def check_family(family: str) -> str:
    """One that ships, or that an installed package brings."""
    try:
        dialects_of(family)
    except NoSuchFamily as error:
        raise ValueError(f"{error} (found {family!r})") from None
    return family


def check_path(value: str) -> str:
    """A path of a URL, without what would follow it."""
    if not re.fullmatch(r"/[!\"$-;=@-~]*", value):
        raise ValueError("must begin with / and hold no space, query (?) or fragment (#)")
    return value


def _split(value: str, schemes: set[str]) -> SplitResult:
    wanted = ", ".join(f"{scheme}://" for scheme in sorted(schemes))
    if re.search(r"[\x00-\x20\x7f]", value):
        raise ValueError("must not hold spaces or control characters")
    try:
        split = urlsplit(value)
        _ = split.port  # Read for its ValueError.
    except ValueError:
        # The error's own text can hold part of a password.
        hint = "percent-encode what is special in a password"
        raise ValueError(f"is no URL whose host and port can be read ({hint})") from None
    if split.scheme not in schemes:
        raise ValueError(f"must start with {wanted}")
    return split


def is_loopback(url: str) -> bool:
    """Whether a URL stays on this machine; what is there is taken to be a simulator."""
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or re.fullmatch(r"127(\.[0-9]{1,3}){3}", host) is not None


def check_signing_secret(value: SecretStr) -> SecretStr:
    """Standard Webhooks secrets, separated by spaces: `whsec_` and base64 of 24 to 64 bytes."""
    secrets = value.get_secret_value().split()
    if not secrets or not all(map(_is_signing_secret, secrets)):
        raise ValueError(
            "must be whsec_ followed by base64 of 24 to 64 random bytes; several of them, separated"
            " by spaces, all sign"
        )
    return value


def _is_signing_secret(text: str) -> bool:
    try:
        key = base64.b64decode(text.removeprefix(_WHSEC), validate=True)
    except (binascii.Error, ValueError):
        return False
    return text.startswith(_WHSEC) and 24 <= len(key) <= 64


def check_api_key(value: SecretStr) -> SecretStr:
    """A line break in a key would become a header of its own."""
    key = value.get_secret_value()
    if not (key.isascii() and key.isprintable() and 1 <= len(key) <= 4096):
        raise ValueError("must be 1 to 4096 printable ASCII characters")
    return value


def check_username(value: str) -> str:
    if not (value.isascii() and value.isprintable() and len(value) <= 256):
        raise ValueError("must be at most 256 printable ASCII characters")
    return value


def check_hook_secret(value: SecretStr) -> SecretStr:
    """It is part of a URL that the provider calls."""
    if not _HOOK_SECRET.fullmatch(value.get_secret_value()):
        raise ValueError("must be at most 256 letters, digits, - or _ (it stands in a URL)")
    return value

"""Why the database was not to be had, in words that say what to mend: never its own text.

What a server or a driver writes can hold names and values, and is in any language.
"""

import socket
import ssl
from collections.abc import Mapping
from typing import Final, NamedTuple

import asyncpg

from worker.ports.errors import StoreUnavailable


class Mistake(NamedTuple):
    cause: str
    mend: str  #: What to look at or to do.


_BY_STATE: Final[Mapping[str, Mistake]] = {
    "28P01": Mistake("the password is refused, or there is no such role", "database.url"),
    "28000": Mistake(
        "this role may not log in from here",
        "the role in database.url, pg_hba.conf, sslmode=require where the server wants TLS",
    ),
    "3D000": Mistake("there is no such database", "its name in database.url; createdb makes one"),
    "42501": Mistake(
        "this role may not do that",
        "GRANT activation_worker TO it, and migrate as the owner: deploy/postgres/roles.sql",
    ),
    "53300": Mistake(
        "the server has no connection left", "fewer in database.pool_size, or max_connections"
    ),
    "57P03": Mistake("the server is starting or stopping", "again in a moment"),
    "25006": Mistake(
        "the server takes no writes", "the primary in database.url, target_session_attrs=read-write"
    ),
}
#: The first that fits: those above are kinds of those below.
_BY_TYPE: Final[tuple[tuple[type[Exception], Mistake], ...]] = (
    (
        asyncpg.TargetServerAttributeNotMatched,
        Mistake("no server has the target_session_attrs", "the hosts in database.url"),
    ),
    (
        asyncpg.exceptions.ClientConfigurationError,
        Mistake("database.url cannot be used", "activation-worker check-config"),
    ),
    (
        ssl.SSLCertVerificationError,
        Mistake("its certificate is not trusted", "sslrootcert and the host in database.url"),
    ),
    (ssl.SSLError, Mistake("TLS could not be agreed on", "sslmode in database.url")),
    (socket.gaierror, Mistake("the name of its host is not known", "the host in database.url")),
    (ConnectionRefusedError, Mistake("nobody listens there", "host and port in database.url")),
    (FileNotFoundError, Mistake("there is no such socket or file", "the paths in database.url")),
    (TimeoutError, Mistake("it does not answer in time", "host and port in database.url")),
)
_NO_TLS: Final = Mistake("it speaks no TLS", "sslmode in database.url, or TLS at the server")
_NO_SERVER: Final = Mistake("what answers there is no PostgreSQL, or left", "database.url")
_OTHER: Final = Mistake("the connection failed", "activation-worker doctor")


def refusal_of(error: BaseException, state: str) -> Mistake:
    """What *error* means; *state* is its SQLSTATE, where it has one."""
    if state in _BY_STATE:
        return _BY_STATE[state]
    for kind, refusal in _BY_TYPE:
        if isinstance(error, kind):
            return refusal
    # The driver has no class for it, only its own English.
    if isinstance(error, ConnectionError) and "rejected SSL" in str(error):
        return _NO_TLS
    if isinstance(error, ConnectionError | asyncpg.InterfaceError | asyncpg.InternalClientError):
        return _NO_SERVER
    return _OTHER


def unavailable(error: BaseException, state: str) -> StoreUnavailable:
    cause, mend = refusal_of(error, state)
    return StoreUnavailable(f"database: {cause}", mend=mend)

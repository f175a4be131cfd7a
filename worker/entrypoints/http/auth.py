"""Who calls, and whether the token allows it: bearer tokens, compared in constant time."""

import enum
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from worker.entrypoints.http.problems import Problem, ProblemKind

REALM = 'Bearer realm="activation-worker"'


class Scope(enum.Enum):
    READ = "read"
    OPERATE = "operate"  #: Reads and writes.


def digest(secret: str) -> bytes:
    """Of one length whatever the secret is, so that the comparison's time hides the length."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


@dataclass(frozen=True, slots=True)
class Token:
    """One bearer token, kept as its digest, so that no repr and no dump holds the secret."""

    name: str
    scope: Scope
    digest: bytes = field(repr=False)

    @classmethod
    def of(cls, name: str, scope: str, token: str) -> "Token":
        """From the parts of `NAME:SCOPE:TOKEN`; an unknown scope raises `ValueError`."""
        return cls(name, Scope(scope), digest(token))


def bearer_of(header: str) -> str:
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def find(tokens: Iterable[Token], secret: str) -> Token | None:
    """Compares with every token, also after one has matched."""
    sent = digest(secret)
    matching = [token for token in tokens if hmac.compare_digest(token.digest, sent)]
    return matching[0] if secret and matching else None


def admit(tokens: Sequence[Token], header: str | None, required: Scope) -> Token:
    """The caller's token; raises the 401 or 403 that names what is missing."""
    if not header:
        raise Problem(ProblemKind.UNAUTHENTICATED, headers={"WWW-Authenticate": REALM})
    token = find(tokens, bearer_of(header))
    if token is None:
        challenge = f'{REALM}, error="invalid_token"'
        raise Problem(ProblemKind.UNAUTHENTICATED, headers={"WWW-Authenticate": challenge})
    if required is Scope.OPERATE and token.scope is not Scope.OPERATE:
        challenge = f'{REALM}, error="insufficient_scope", scope="operate"'
        raise Problem(ProblemKind.FORBIDDEN, headers={"WWW-Authenticate": challenge})
    return token

"""Who calls, and whether the token allows it: bearer tokens, compared in constant time."""

import enum
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, reduce
from operator import or_

from worker.entrypoints.http.problems import Problem, ProblemKind
from worker.entrypoints.wrong_tokens import WrongTokens

REALM = 'Bearer realm="activation-worker"'


class Scope(enum.Flag):
    """What a token may do. A route names the scopes of which one is enough for it."""

    READ = enum.auto()  #: Every GET. Alone it sees codes and texts masked. Every token has it.
    OPERATE = enum.auto()  #: What a shop's own programs do: numbers, money in, a customer's wishes.
    DECIDE = enum.auto()  #: What staff decide: verdicts, findings, payouts, blocks, providers.

    @property
    def words(self) -> tuple[str, ...]:
        return _words(self)


@cache  # Said on every answer, of a few values.
def _words(scopes: Scope) -> tuple[str, ...]:
    return tuple(scope.name.lower() for scope in Scope if scope in scopes and scope.name)


_UNMASKED = Scope.OPERATE | Scope.DECIDE


def scopes_in(text: str) -> Scope:
    """From `operate+decide`; an unknown one raises `ValueError`."""
    known = {scope.words[0]: scope for scope in Scope}
    words = text.split("+")
    unknown = [word for word in words if word not in known]
    if unknown:
        raise ValueError(f"there is no scope {unknown[0]!r}")
    return reduce(or_, (known[word] for word in words), Scope.READ)


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
        return cls(name, scopes_in(scope), digest(token))

    @property
    def sees_codes(self) -> bool:
        return bool(self.scope & _UNMASKED)

    def allows(self, required: Scope) -> None:
        """Raises the 403 that names what is missing."""
        if not self.scope & required:
            words = required.words
            challenge = f'{REALM}, error="insufficient_scope", scope="{words[0]}"'
            detail = f"Needs the scope {' or '.join(words)}"
            raise Problem(ProblemKind.FORBIDDEN, detail, headers={"WWW-Authenticate": challenge})


def bearer_of(header: str) -> str:
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class KnownTokens:
    """The tokens that are taken just now; they may be exchanged while the process runs."""

    def __init__(self, tokens: Iterable[Token] = ()) -> None:
        self._tokens = tuple(tokens)

    @property
    def digests(self) -> frozenset[bytes]:
        return frozenset(token.digest for token in self._tokens)

    def exchange(self, tokens: Iterable[Token]) -> None:
        self._tokens = tuple(tokens)

    def find(self, secret: str, sent: bytes) -> Token | None:
        """By its digest *sent*; compares with every token, also after one has matched."""
        matching = [token for token in self._tokens if hmac.compare_digest(token.digest, sent)]
        return matching[0] if secret and matching else None


@dataclass(frozen=True, slots=True)
class Admission:
    """Lets callers in by their tokens, and slows down who sends wrong ones."""

    tokens: KnownTokens
    wrong: WrongTokens

    def __call__(self, header: str | None, address: str, required: Scope) -> Token:
        """The caller's token; raises the 401, 403 or 429 that names what is missing."""
        if not header:
            raise Problem(ProblemKind.UNAUTHENTICATED, headers={"WWW-Authenticate": REALM})
        secret = bearer_of(header)
        sent = digest(secret)
        seconds = self.wrong.seconds_to_wait(address, sent)
        if seconds:
            raise Problem(ProblemKind.TOO_MANY_WRONG_TOKENS, headers={"Retry-After": str(seconds)})
        token = self.tokens.find(secret, sent)
        if token is None:
            self.wrong.count(address, sent)
            challenge = f'{REALM}, error="invalid_token"'
            raise Problem(ProblemKind.UNAUTHENTICATED, headers={"WWW-Authenticate": challenge})
        self.wrong.prove(address, sent)
        token.allows(required)
        return token

"""The families, and from a provider's configuration to something that speaks its protocol."""

from collections.abc import Mapping
from importlib import import_module
from typing import Final

import orjson

from worker.adapters.providers import outside
from worker.adapters.providers.family import (
    FamilyAdapter,
    ProviderAccount,
    ProviderConfig,
)
from worker.adapters.providers.pushes import PUSH_MAX, UnreadablePush
from worker.adapters.providers.transport import (
    ProviderContext,
)
from worker.domain.families import (
    FAMILIES,
    NoSuchFamily,
    capabilities_of,
    dialects_of,
    has_dialects,
    is_shipped,
)
from worker.ports.long_rental import LongRentals
from worker.ports.provider import Provider
from worker.ports.service import Push

NO_HEADERS: Final[Mapping[str, str]] = {}

#: A family is the package of its name: a row in `FAMILIES` is all that lists it.
ADAPTERS: Final[Mapping[str, FamilyAdapter]] = {
    family: import_module(f"{__package__}.{family}").ADAPTER for family in FAMILIES
}


def adapter_of(family: str) -> FamilyAdapter:
    return ADAPTERS[family] if is_shipped(family) else outside.adapter_of(family)


def build_provider(config: ProviderConfig, context: ProviderContext) -> Provider:
    """One provider account; its connections open with its first call.

    Raises `ValueError` for what cannot be spoken to; the same for a package's family that fails.
    """
    try:
        dialects = dialects_of(config.family)
    except NoSuchFamily as error:
        raise ValueError(f"{config.name}: unknown family {config.family}: {error}") from None
    if has_dialects(config.family) and config.dialect not in dialects:
        raise ValueError(f"{config.name}: unknown dialect {config.dialect}")
    if not is_shipped(config.family):
        return outside.OutsideAccount(config, context)
    return ADAPTERS[config.family].account(config, context)


def build_rentals(config: ProviderConfig, provider: Provider) -> LongRentals | None:
    """The long rentals of *provider*, which closes their connections; None where it has none."""
    if isinstance(provider, outside.OutsideAccount):
        return provider.rentals()
    assert isinstance(provider, ProviderAccount)
    rentals = ADAPTERS[config.family].rentals
    if rentals is None or not capabilities_of(config.family, config.dialect).rentals:
        return None
    return rentals(config, provider.rentals_http)


def parse_push(
    family: str,
    dialect: str,
    raw_body: bytes,
    headers: Mapping[str, str] = NO_HEADERS,
    signing_secret: str = "",
) -> list[Push]:
    """The numbers that a pushed SMS is about; none where it is about no activation.

    A push is a hint to look: only the id of the number is believed. Raises `UnreadablePush`, also
    for families and dialects that push nothing, and for a signature that is not of the secret.
    """
    adapter = adapter_of(family)
    parse, is_signed = adapter.parse_push, adapter.is_signed
    if parse is None or not capabilities_of(family, dialect).push:
        raise UnreadablePush("nothing is pushed here")
    if len(raw_body) > PUSH_MAX:
        raise UnreadablePush(f"above {PUSH_MAX} bytes")
    if not is_shipped(family):
        parse, is_signed = outside.guarded_push(parse, is_signed)
    if signing_secret and (is_signed is None or not is_signed(raw_body, headers, signing_secret)):
        raise UnreadablePush("not signed with our secret")
    try:
        body = orjson.loads(raw_body)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise UnreadablePush("no JSON object")
    return parse(body)

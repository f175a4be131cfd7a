"""What somebody knows of a number, as conditions that an index serves."""

from typing import Final

from worker.adapters.store.database import Database, statement
from worker.domain.ids import ProviderName
from worker.ports.store.activations import ActivationSearch

TAIL_DIGITS_MAX: Final = 12  #: More digits are a whole phone.

#: The conditions of `rows.newest`. The expressions are those of the indexes.
FILTERS: Final = {
    "service": "service = :service",
    "country": "country = :country",
    "order_ref": "order_ref = :order_ref",
    "services": "service = ANY(CAST(:services AS text[]))",
    "provider_ref": "provider_ref = :provider_ref",
    "providers": "provider = ANY(CAST(:providers AS text[]))",
    "phones": "reverse(phone) = ANY(CAST(:phones AS text[]))",
    "phone_tail": "reverse(phone) LIKE CAST(:phone_tail AS text)",
    "id_tail": "right(CAST(id AS text), 8) = :id_tail",
}


async def conditions(
    db: Database, search: ActivationSearch, provider: ProviderName | None
) -> dict[str, object]:
    """The parameters of the conditions that are asked for; None: not this one."""
    by_ref_alone = search.ref is not None and provider is None
    by_country_alone = search.country is not None and search.service is None
    return {
        "service": search.service,
        "country": search.country,
        "services": await _seen(db, "activations/seen_services") if by_country_alone else None,
        "provider_ref": search.ref,
        "order_ref": search.order_ref,
        "providers": await _seen(db, "activations/seen_providers") if by_ref_alone else None,
        "id_tail": search.id_tail,
        **phone_sought(search.phone),
    }


def phone_sought(phone: str | None) -> dict[str, object]:
    """A whole phone, with or without its plus, or the last digits of one."""
    if phone is None:
        return {}
    digits = phone.removeprefix("+")
    turned = digits[::-1]
    if phone != digits or len(digits) > TAIL_DIGITS_MAX:
        return {"phones": [turned, f"{turned}+"]}
    return {"phone_tail": f"{turned}%"}


async def _seen(db: Database, name: str) -> list[str]:
    return [next(iter(row.values())) for row in await db.rows(statement(name), {})]

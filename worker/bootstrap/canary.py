"""The canary, where the settings ask for one."""

from datetime import timedelta

from worker.bootstrap.resources import Resources
from worker.domain.ids import ProviderName
from worker.lifecycle.canary import Canary, CanaryOrder
from worker.ports.service import Service


def canary_of(parts: Resources, desk: Service) -> Canary | None:
    wanted = parts.settings.canary
    if wanted.provider is None:
        return None
    provider = ProviderName(wanted.provider)
    order = CanaryOrder(
        provider=provider,
        service=wanted.service,
        country=wanted.country,
        every=timedelta(seconds=wanted.every_seconds),
        currency=parts.terms[provider].currency,
    )
    return Canary(
        purchases=parts.store.purchases,
        books=parts.store.books,
        activations=parts.store.activations,
        desk=desk,
        reporter=parts.reporter,
        clock=parts.clock,
        order=order,
    )

"""What an order asks of its number beside service and country, held against who can be asked.

A provider that does not know an option would sell any number as if it fitted: such an order is
refused before anything is set aside.
"""

from collections.abc import Mapping
from dataclasses import replace

from worker.domain.families import RentOption
from worker.domain.ids import ProviderName
from worker.ports.provider import Provider, RentOptions, ReusedNumber
from worker.ports.service import PurchaseOrder, RefusedOption
from worker.ports.store.activations import ActivationStore


async def chosen(
    order: PurchaseOrder,
    providers: Mapping[ProviderName, Provider],
    activations: ActivationStore,
) -> RentOptions | RefusedOption:
    """The options as every provider of the order can be asked for them, or the first that cannot.

    All are known here that the order names.
    """
    options = order.options
    for name in (order.provider, *order.otherwise):
        known = providers[name].capabilities.options
        for option in options.given():
            if option not in known:
                return RefusedOption(option, f"{name} does not know it")
    if options.reuse is None:
        return options
    earlier = await activations.activation(options.reuse)
    if earlier is None or earlier.account != order.account:
        return RefusedOption(RentOption.REUSE, "no number of this account has this id")
    if order.otherwise or earlier.provider != order.provider:
        return RefusedOption(RentOption.REUSE, "only its own provider sells a number again")
    if earlier.ref is None or earlier.phone is None:
        return RefusedOption(RentOption.REUSE, "it has no number")
    return replace(options, reused=ReusedNumber(earlier.ref, earlier.phone))

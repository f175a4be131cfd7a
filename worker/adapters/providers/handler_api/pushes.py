"""SMS as the companies of this family push them."""

from worker.adapters.providers.family import PushBody, push_of
from worker.ports.service import Push


def parse(body: PushBody) -> list[Push]:
    """The activation that an SMS came to; nothing where it came to a long rental."""
    if "rentId" in body and "activationId" not in body:
        return []
    # Tries of one push are the same in these; the name of the sender is not in all of them.
    content = (body.get("receivedAt"), body.get("text"), body.get("code"))
    return [push_of(body.get("activationId"), None, body.get("service"), content)]

"""What herosms 0.1.1 makes of the hero dialect. Run by test_foreign_clients.

Not asked: `wait_for_sms`, which cannot read hero's own getStatusV2 and dies of `STATUS_CANCEL`.
"""

import asyncio
import json
import sys
from importlib import import_module
from typing import Any


async def main(url: str) -> None:
    # The one for asyncio: the other makes a loop per call, and its connections die with the first.
    herosms: Any = import_module("herosms.client")
    async with herosms.HeroSMSClient(
        "sim-key", base_url=f"{url}/stubs/handler_api.php", retry_attempts=1
    ) as client:
        numbers = client.activations
        told = await numbers.create(service="code-arrives:0", country=0)
        code = await client.get_status_v1(told.id)
        messages = await numbers.get_sms(told.id)
        await told.complete()
        silent = await numbers.create(service="timeout", country=0)
        waiting = await client.get_status_v1(silent.id)
        listed = await numbers.list_active()
        await silent.cancel()
        other = await numbers.create(service="timeout", country=0)
        await numbers.cancel(other.id)
        report = {
            "phone": told.phone_number,
            "code": code.removeprefix("STATUS_OK:"),
            "messages": len(messages),
            "waiting": waiting,
            "listed": [str(row.activation_id) for row in listed],
            "silent": str(silent.id),
            "gone": await client.get_status_v1(silent.id),
            "refused": await refusal(client),
            "balance": f"{(await client.get_balance()).amount:.2f}",
        }
    sys.stdout.write(json.dumps(report))


async def refusal(client: Any) -> str:
    try:
        return str(await client.get_status_v1(1))
    except import_module("herosms.exceptions").HeroSMSError as error:
        return type(error).__name__


asyncio.run(main(sys.argv[1]))

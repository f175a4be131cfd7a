"""What async-sms-activate 0.1.2 makes of the classic dialect. Run by test_foreign_clients.

Excepted: it knows two refusals only, so what else it is told comes back as plain text.
"""

import asyncio
import json
import sys
from importlib import import_module
from typing import Any


async def main(url: str) -> None:
    activate: Any = import_module("async_sms_activate.client")
    client = activate.SmsActivateClient("sim-key")
    client.api_url = f"{url}/stubs/handler_api.php"
    told = await client.buy_number_by_country("code-arrives:0", 0)
    code = await told.wait_for_code()
    finished = await told.complete_activation()
    silent = await client.buy_number_by_country("timeout", 0)
    waiting = await client.get_activation_status(silent.activation_id)
    cancelled = await silent.cancel_activation()
    gone = await client.get_activation_status(silent.activation_id)
    try:
        refused = str(await client.buy_number_by_country("no-numbers", 0))
    except import_module("async_sms_activate.errors").NoNumbers:
        refused = "NoNumbers"
    report = {
        "phone": str(told.phone_number),
        "code": code,
        "finished": finished,
        "waiting": waiting,
        "cancelled": cancelled,
        "gone": gone,
        "refused": refused,
        "balance": f"{await client.get_balance():.2f}",
    }
    await client.close()
    sys.stdout.write(json.dumps(report))


asyncio.run(main(sys.argv[1]))

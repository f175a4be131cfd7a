"""What aiovaksms 3.0.2 makes of vak-sms. Run by test_foreign_clients."""

import asyncio
import json
import sys
from importlib import import_module
from typing import Any


async def main(url: str) -> None:
    vaksms: Any = import_module("aiovaksms")
    client = vaksms.Vaksms("sim-key", base_url=url)
    told = await client.get_number("code-arrives:1")
    code = await told.wait_sms_code(timeout=5, per_attempt=0.1)
    charged = await told.set_status("end")
    silent = await client.get_number("timeout")
    waiting = await silent.wait_sms_code(timeout=0.3, per_attempt=0.1)
    cancelled = await silent.set_status("end")
    try:
        refused = str(await client.get_number("no-numbers"))
    except vaksms.VakSmsBadRequest as error:
        refused = error.code
    report = {
        "phone": str(told.tel),
        "code": code,
        "charged": charged,
        "waiting": waiting,
        "cancelled": cancelled,
        "refused": refused,
        "balance": f"{await client.get_balance():.2f}",
    }
    sys.stdout.write(json.dumps(report))


asyncio.run(main(sys.argv[1]))

"""The real daemon on embedded servers with a simulated provider, and customers who rent from it."""

import base64
import itertools
import json
import os
import re
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

START_SECONDS: Final = 60
STOP_SECONDS: Final = 40
WINDOW_SECONDS: Final = 4
ACCOUNT: Final = "customer"

#: What the simulated provider does with a number, by the name of the service rented.
BEHAVIOURS: Final = ("code-arrives:1", "timeout", "two-codes:1", "provider-cancels:1", "timeout")


@dataclass
class Worker:
    """A running daemon and the shop that uses it."""

    api: str
    admin: str
    token: str
    config: Path
    daemon: "Started"
    simulator: "Started"
    _order: Iterator[int] = field(default_factory=itertools.count)

    def open_account(self) -> None:
        self._call("PUT", f"/v1/accounts/{ACCOUNT}", {"currency": "USD"})
        topup = {"reference": "first", "amount_minor": 1_000_000}
        self._call("POST", f"/v1/accounts/{ACCOUNT}/topups", topup)

    def rent_one_of_each(self) -> None:
        for behaviour in BEHAVIOURS:
            order = {
                "account": ACCOUNT,
                "provider": "sim",
                "service": behaviour,
                "country": "0",
                "price_minor": 12,
                "window_seconds": WINDOW_SECONDS,
            }
            self._call("POST", "/v1/activations", order, key=f"order-{next(self._order)}")

    def _call(self, method: str, path: str, body: dict[str, Any], key: str = "") -> None:
        request = urllib.request.Request(
            f"http://{self.api}{path}",
            method=method,
            data=json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                **({"Idempotency-Key": key} if key else {}),
            },
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            assert reply.status < 300


@contextmanager
def running_worker(directory: Path, more: str = "") -> Iterator[Worker]:
    """Everything below *directory*, until the block ends; *more* goes into the configuration."""
    with ExitStack() as stack:
        simulator = _started(
            stack,
            directory,
            *("simulate-provider", "--family=handler_api", "--listen=127.0.0.1:0"),
            *("--api-key=simulated", "--min-cancel-age=0"),
        )
        provider = simulator.said(r'"url":\s*"(http://[^"]+)"')
        token = secrets.token_urlsafe(32)
        config = directory / "worker.toml"
        endpoint = stack.enter_context(_endpoint())
        config.write_text(_settings(provider, token, endpoint) + more)
        daemon = _started(stack, directory, "run", "--embedded", f"--config={config}")
        api = daemon.said(r"api +http://(\S+)")
        admin = daemon.said(r"admin +http://(\S+)")
        worker = Worker(api, admin, token, config, daemon, simulator)
        worker.open_account()
        yield worker


@contextmanager
def _endpoint() -> Iterator[str]:
    """The shop's address for events: it takes each."""

    class Taken(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Taken) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def _settings(provider: str, token: str, endpoint: str) -> str:
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    return f"""
[api]
listen = "127.0.0.1:0"
tokens = "test:operate+decide:{token}"
[admin]
listen = "127.0.0.1:0"
[events]
url = "{endpoint}"
secret = "whsec_{secret}"
[providers.sim]
family = "handler_api"
base_url = "{provider}"
api_key = "simulated"
poll_seconds = 1.0
min_cancel_age_seconds = 0
[canary]
provider = "sim"
service = "code-arrives:1"
country = "0"
every_seconds = 60
"""


@dataclass(frozen=True)
class Started:
    """A process and where its output goes."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def said(self, pattern: str) -> str:
        """The first match in what it says; it has to come while the process lives."""
        for _ in range(START_SECONDS * 5):
            found = re.search(pattern, self.log.read_text())
            if found:
                return found[1]
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=0.2)
                break
        raise AssertionError(f"{pattern!r} was never said:\n{self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=STOP_SECONDS)
            return
        self.process.kill()
        self.process.wait()


def _started(stack: ExitStack, directory: Path, *arguments: str) -> Started:
    """A process of the worker, stopped with the stack."""
    log = directory / f"{arguments[0]}.log"
    output = stack.enter_context(log.open("wb"))
    environment = {name: value for name, value in os.environ.items() if name[:3] != "AW_"}
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", *arguments],
        cwd=directory,
        env=environment,
        stdout=output,
        stderr=output,
    )
    started = Started(process, log)
    stack.callback(started.stop)
    return started

"""A real Prometheus on loopback with the shipped rules, scraping one target every second."""

import contextlib
import json
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.ops.queries import DEPLOY

START_SECONDS = 30.0


class GaveUp(AssertionError):
    """What was waited for did not come."""


@dataclass(frozen=True)
class Prometheus:
    url: str
    process: subprocess.Popen[bytes]

    def get(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}{path}?{query}", timeout=10) as reply:
            return json.load(reply)["data"]

    def values(self, expr: str) -> list[float]:
        """The samples of an instant query; Prometheus refuses what it cannot run with a 400."""
        found = self.get("/api/v1/query", query=expr)
        if found["resultType"] == "scalar":
            return [float(found["result"][1])]
        return [float(sample["value"][1]) for sample in found["result"]]

    def exemplars(self, expr: str) -> list[dict[str, str]]:
        """The labels of those that are kept of the series that a query reads."""
        now = time.time()
        found = self.get("/api/v1/query_exemplars", query=expr, start=str(now - 600), end=str(now))
        return [each["labels"] for series in found for each in series["exemplars"]]

    def wait_until(self, holds: Callable[[], bool], seconds: float) -> None:
        """Ask again and again, as long as Prometheus lives."""
        until = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > until:
                raise GaveUp(f"not within {seconds} s")
            self.pause(0.2)

    def pause(self, seconds: float) -> None:
        """Let time pass, as long as Prometheus lives."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=seconds)
            raise GaveUp("Prometheus ended")

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False


@contextlib.contextmanager
def scraping(binary: Path, target: str, directory: Path) -> Iterator[Prometheus]:
    """Run Prometheus with its data below *directory* until the block ends."""
    port = free_port()
    config = directory / "prometheus.yaml"
    config.write_text(yaml.safe_dump(shipped_config(target)))
    command = [
        str(binary),
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'data'}",
        # Debian's default is every interface.
        f"--web.listen-address=127.0.0.1:{port}",
        f"--web.external-url=http://127.0.0.1:{port}",
        f"--web.user-assets={DEPLOY / 'runbooks'}",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    ]
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=directory)
        try:
            server = Prometheus(f"http://127.0.0.1:{port}", process)
            server.wait_until(server.is_ready, START_SECONDS)
            yield server
        finally:
            process.terminate()
            process.wait(timeout=20)


def shipped_config(target: str) -> dict[str, Any]:
    """The shipped configuration with a faster clock and this one worker."""
    config: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text())
    config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(DEPLOY / "prometheus" / name) for name in config["rule_files"]]
    del config["alerting"]
    [worker] = [job for job in config["scrape_configs"] if job["job_name"] == "activation-worker"]
    del worker["dns_sd_configs"]
    worker["static_configs"] = [{"targets": [target]}]
    config["scrape_configs"] = [worker]
    return config


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

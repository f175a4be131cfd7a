"""The shipped inhibitions, asked of a real Alertmanager: the cause is told, what follows is not."""

import contextlib
import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.ops.alertmanager_server import alertmanager_command
from tests.ops.prometheus_server import free_port
from tests.ops.queries import DEPLOY, alerts

CONFIG: Final = DEPLOY / "prometheus/alertmanager.yaml"
READS: Final = "Overdue ScheduleLag EventsStuck TimersOverdue ReviewsLate AuditStale CanaryStale"
OBJECTIVES: Final = "CreditLate CreditBurn CreditBurnSlow LookBurn LookBurnSlow"
MONEY: Final = "ExposureNearLimit ProviderHalted PurchasesInDoubt"
FAULTS: Final = "JobsFailing ReconcileFails ApiErrors"
FAILS: Final = "LooksFail ProviderErrors LookBurn LookBurnSlow PurchasesInDoubt JobsFailing"
#: By the cause, what is not told besides.
SILENCED: Final[Mapping[str, str]] = {
    "DatabaseDown": f"Blind CutOff {FAULTS} {READS} {OBJECTIVES} {MONEY}",
    "Blind": f"{READS.replace('Overdue ScheduleLag ', '')} {MONEY}",
    "RedisDown": "JobsFailing",
    "ProviderDown": FAILS,
    "ProviderRefuses": FAILS,
    "EndpointFails": "EventsStuck",
    "ScheduleLag": "LookBurn LookBurnSlow",
    "ProviderHalted": "ExposureNearLimit PurchasesInDoubt",
    "InstanceDown": "CutOff",
    "NoWorker": " ".join(
        str(alert["alert"]).removeprefix("ActivationWorker")
        for alert in alerts()
        if alert["alert"] != "ActivationWorkerNoWorker"
    ),
}
#: What is not told for a while after a cause is over, by the cause and how long.
AFTER: Final[Mapping[tuple[str, str], str]] = {
    **{
        (cause, "10m"): "JobsFailing AuditStale CanaryStale"
        for cause in ("NoWorker", "DatabaseDown")
    },
    **{(cause, "6m"): "CreditLate" for cause in ("NoWorker", "DatabaseDown")},
    ("Blind", "10m"): "AuditStale CanaryStale",
    ("EndpointFails", "10m"): "EventsStuck",
    ("RedisDown", "10m"): "JobsFailing",
    **{
        (cause, "10m"): "ProviderErrors JobsFailing"
        for cause in ("ProviderDown", "ProviderRefuses")
    },
    **{(cause, "40m"): "CreditBurn LookBurn" for cause in ("NoWorker", "DatabaseDown")},
    **{(cause, "40m"): "LookBurn" for cause in ("ProviderDown", "ProviderRefuses")},
}
NAMES: Final = [str(alert["alert"]).removeprefix("ActivationWorker") for alert in alerts()]
LABELS: Final = {"job": "activation-worker", "provider": "sim", "job_name": "expire"}


@dataclass(frozen=True)
class Alertmanager:
    url: str

    def post(self, alerts_: list[dict[str, Any]]) -> None:
        request = urllib.request.Request(
            f"{self.url}/api/v2/alerts",
            data=json.dumps(alerts_).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            assert reply.status == 200

    def silenced(self, incident: str) -> set[str]:
        """The alerts of this incident that are not told."""
        query = f"filter=incident%3D%22{incident}%22"
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts?{query}", timeout=10) as reply:
            found = json.load(reply)
        assert found
        return {
            str(alert["labels"]["alertname"]).removeprefix("ActivationWorker")
            for alert in found
            if alert["status"]["inhibitedBy"]
        }


@contextlib.contextmanager
def running(directory: Path) -> Iterator[Alertmanager]:
    port = free_port()
    command = [
        *alertmanager_command(),
        f"--config.file={CONFIG}",
        f"--storage.path={directory}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=error",
    ]
    process = subprocess.Popen(command, cwd=directory)
    try:
        server = Alertmanager(f"http://127.0.0.1:{port}")
        until = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError):
                server.post([])
                break
            assert time.monotonic() < until
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.2)
                raise AssertionError("Alertmanager ended")
        yield server
    finally:
        process.terminate()
        process.wait(timeout=20)


def alert_of(name: str, incident: str, **more: str) -> dict[str, Any]:
    given = {"alertname": f"ActivationWorker{name}", "incident": incident, **more}
    return {"labels": {**LABELS, **given}}


def settled(alertmanager: Alertmanager, incident: str, expected: set[str]) -> set[str]:
    """What is silenced, once what was posted before has reached the inhibitions."""
    until = time.monotonic() + 10
    while (found := alertmanager.silenced(incident)) != expected and time.monotonic() < until:
        time.sleep(0.05)  # Another process works; there is nothing to wait for.
    return found


@pytest.mark.parametrize("cause", SILENCED)
def test_an_alert_that_names_the_cause_silences_what_follows(cause: str, tmp_path: Path) -> None:
    consequences = SILENCED[cause].split()
    with running(tmp_path) as alertmanager:
        alertmanager.post([alert_of(name, "here") for name in [cause, *consequences]])

        expected = set(consequences)
        assert settled(alertmanager, "here", expected) == expected


def test_what_followed_from_a_cause_stays_silent_after_it(tmp_path: Path) -> None:
    causes = {*SILENCED, "Aftermath"}
    with running(tmp_path) as alertmanager:
        alertmanager.post([alert_of(name, "here") for name in NAMES if name not in causes])
        silenced = {}
        for (cause, lasts), names in AFTER.items():
            aftermath = alert_of("Aftermath", "after", cause=cause, lasts=lasts)
            alertmanager.post([aftermath])
            silenced[cause, lasts] = settled(alertmanager, "here", set(names.split()))
            over = datetime.now(UTC).isoformat()
            alertmanager.post([{**aftermath, "startsAt": over, "endsAt": over}])

    assert silenced == {each: set(names.split()) for each, names in AFTER.items()}


@pytest.mark.parametrize("cause", [name for name in SILENCED if name != "NoWorker"])
def test_it_silences_nothing_else(cause: str, tmp_path: Path) -> None:
    """What is no cause of anything is told, unless the table names it."""
    others = sorted({*NAMES} - {*SILENCED} - set(SILENCED[cause].split()))
    with running(tmp_path) as alertmanager:
        alertmanager.post([alert_of(name, "here") for name in [cause, *others]])

        assert others
        assert alertmanager.silenced("here") == set()


@pytest.mark.parametrize("ticket", ["RedisDown", "CutOff", "ProviderDown", "InstanceDown"])
def test_what_waits_for_working_hours_silences_no_page_about_all(
    ticket: str, tmp_path: Path
) -> None:
    pages = ["LookBurn", "CreditBurn", "CreditLate", "Overdue", "ApiErrors"]
    with running(tmp_path) as alertmanager:
        alertmanager.post([alert_of(ticket, "here", provider="down")])
        alertmanager.post([alert_of(name, "there") for name in pages])
        assert alertmanager.silenced("there") == set()

        # Apart: it silences the burn of looks.
        alertmanager.post([alert_of("ScheduleLag", "lag")])
        assert alertmanager.silenced("lag") == set()


def test_one_installation_silences_nothing_about_another(tmp_path: Path) -> None:
    installation = {"job": "activation-worker", "namespace": "shop", "cluster": "east"}
    others = [{**installation, label: "another"} for label in installation]
    with running(tmp_path) as alertmanager:
        alertmanager.post([alert_of("NoWorker", "here", **installation)])
        alertmanager.post([alert_of("Overdue", "there", **labels) for labels in others])
        alertmanager.post([alert_of("Overdue", "here", **installation)])

        assert settled(alertmanager, "here", {"Overdue"}) == {"Overdue"}
        assert alertmanager.silenced("there") == set()


def test_every_inhibition_stays_within_its_installation() -> None:
    rules = yaml.safe_load(CONFIG.read_text())["inhibit_rules"]

    assert [rule for rule in rules if not {"job", "namespace", "cluster"} <= {*rule["equal"]}] == []


def test_a_provider_that_is_down_silences_nothing_about_another(tmp_path: Path) -> None:
    with running(tmp_path) as alertmanager:
        alertmanager.post([alert_of("ProviderDown", "here")])
        alertmanager.post([alert_of("ProviderErrors", "there", provider="other")])

        assert alertmanager.silenced("there") == set()

"""What an on-call does, done: every command of the runbooks, and what changes on SIGHUP.

The daemon is a real one. `journalctl`, `systemctl` and `redis-cli`, which are not everywhere, stand
in: they show this daemon's log and process, and what this server says of its memory.
"""

import getpass
import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest

from tests.acceptance.guides import blocks_of
from tests.forked_commands import forked_commands
from tests.ops.conftest import STATE
from tests.ops.queries import DEPLOY, alerts
from tests.ops.running_worker import ACCOUNT, Worker, running_worker

pytestmark = pytest.mark.acceptance

RUNBOOKS: Final = DEPLOY / "runbooks"
SYMPTOMS: Final = DEPLOY.parent / "worker/docs/symptoms.md"
INDEX: Final = (RUNBOOKS / "README.md").read_text()
PAGES: Final = sorted(RUNBOOKS.glob("ActivationWorker*.md"))
#: So that a number whose cancel is not confirmed is credited, and an exposure, at once.
SHORT_GRACE: Final = "[defaults]\ncredit_grace_seconds = 1\n"
EXPOSURES: Final = 2  #: For each way to end one by hand.

_STAND_INS: Final = {
    "journalctl": '[ "$1 $2" = "-u activation-worker" ] && cat "{log}"',
    "systemctl": '[ "$1 $2" = "status activation-worker" ] && ps -p {pid}',
    "redis-cli": """\
exec {python} -c 'import redis, sys
print(redis.Redis.from_url(sys.argv[2]).info(sys.argv[4]))' "$@" """,
}

#: `kubectl exec` and `docker compose exec`: the command runs with the container's own environment.
_CONTAINER: Final = """\
#!/bin/bash
[ "$1" = port-forward ] && exit
inside=()
until [[ "$1" =~ ^(--|worker|prometheus)$ ]]; do
  if [ "$1" = -e ]; then inside+=("$(grep = <<< "$2" || echo "$2=${{!2}}")"); fi
  shift
done
exec env -i PATH="$PATH" AW_CONFIG={config} AW_URL=http://{api} "${{inside[@]}}" "${{@:2}}"
"""


@dataclass
class Night:
    """A daemon in trouble, and the shell of who is on call."""

    worker: Worker
    home: Path
    token: str
    shell: str  #: What the index of the runbooks says to paste, with the places of this run.
    exposed: list[str] = field(default_factory=list)  #: Those that nobody has ended by hand.
    number: str = ""
    alone: str = ""  #: It ended in a batch of its own.
    done: dict[str, str] = field(default_factory=dict)  #: What each command printed.

    def call(self, method: str, path: str, token: str, **more: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(
            f"http://{self.worker.api}{path}",
            method=method,
            data=json.dumps(more.get("body")).encode() if "body" in more else None,
            headers={**headers, **more.get("headers", {})},
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            answer: dict[str, Any] = json.load(reply)
            return answer

    def rent(self, service: str) -> str:
        order = {"account": ACCOUNT, "provider": "sim", "service": service, "country": "0"}
        body = {**order, "price_minor": 12, "window_seconds": 1}
        key = {"Idempotency-Key": secrets.token_hex(8)}
        rented = self.call("POST", "/v1/activations", self.token, body=body, headers=key)
        return str(rented["id"])

    def reload(self, *changes: tuple[str, str]) -> None:
        """Change the configuration, SIGHUP, and wait until a token that is new there is taken."""
        new = secrets.token_hex(24)
        text = self.worker.config.read_text()
        for old, changed in (*changes, ('tokens = "', f'tokens = "{new[:8]}:read:{new},')):
            assert old in text
            text = text.replace(old, changed)
        self.worker.config.write_text(text)
        self.worker.daemon.process.send_signal(signal.SIGHUP)
        until(lambda: self._taken(new), every=0.3)  # Wrong tokens are slowed down.

    def _taken(self, token: str) -> bool:
        try:
            self.call("GET", "/v1/providers/sim", token)
        except urllib.error.HTTPError:
            return False
        return True

    def logged(self) -> list[dict[str, Any]]:
        lines = self.worker.daemon.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line[:1] == "{"]

    def run(self, command: str, **variables: str) -> str:
        """As pasted into the shell; what it printed."""
        exports = "".join(f"export {name}='{value}'\n" for name, value in variables.items())
        script = f'{self.shell}\n{exports}{command}\necho "${{PIPESTATUS[@]}}" > exits'
        ran = subprocess.run(
            ["bash", "-uc", script],
            cwd=self.home,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ran.returncode == 0, f"{command}\n{ran.stderr}"
        first, *others = (self.home / "exits").read_text().split()
        # The log may have no such line; a metric is there from the start.
        found = {"0"} if command.startswith("curl") else {"0", "1"}
        assert first == "0", f"{command}\n{ran.stdout}\n{ran.stderr}"
        assert set(others) <= found, f"{command}\n{ran.stdout}"
        return ran.stdout


def until(reached: Callable[[], Any], every: float = 0.05) -> None:
    latest = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < latest
        time.sleep(every)


@pytest.fixture(scope="module")
def night() -> Iterator[Night]:
    # Below the checkout: PostgreSQL's own user cannot enter the directories pytest makes.
    home = STATE / f"call-{os.getpid()}"
    home.mkdir(parents=True)
    try:
        with ExitStack() as stack:
            worker = stack.enter_context(running_worker(home, SHORT_GRACE))
            prometheus = stack.enter_context(_prometheus())
            commands = stack.enter_context(forked_commands(home))
            token = secrets.token_urlsafe(32)
            shell = _shell(worker, home, commands, prometheus)
            night = Night(worker, home, token, shell)
            (home / ".activation-worker-token").write_text(token)
            digest = hashlib.sha256(token.encode()).hexdigest()
            night.reload(('tokens = "', f'tokens = "oncall:operate+decide:sha256:{digest},'))
            night.alone = night.rent("timeout")
            until(lambda: _state(night, night.alone) == "refunded")
            night.exposed += [night.rent("provider-down:600") for _ in range(EXPOSURES)]
            until(lambda: all(_state(night, id_) == "refunded" for id_ in night.exposed))
            night.number = night.exposed[0]
            yield night
    finally:
        shutil.rmtree(home)


def _state(night: Night, id_: str) -> str:
    return str(night.call("GET", f"/v1/activations/{id_}", night.token)["state"])


@contextmanager
def _prometheus() -> Iterator[str]:
    """Where Prometheus would be: it names its targets."""

    class Targets(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/api/v1/targets"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"activeTargets":[{"labels":{"job":"activation-worker"}}]}')

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Targets) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _block(at: int) -> str:
    """What the index says to paste."""
    found: list[str] = re.findall(r"^```sh\n(.*?)^```$", INDEX, re.MULTILINE | re.DOTALL)
    return found[at]


def _shell(worker: Worker, home: Path, commands: Path, prometheus: str) -> str:
    """The index's first block, with where things are here, and a host that looks as it says."""
    (home / "secrets").mkdir()
    for name in ("database__url", "redis__url"):
        value = worker.daemon.said(rf"AW_{name.upper()}=(\S+)")
        (home / "secrets" / name).write_text(value)
    for name, text in _STAND_INS.items():
        (commands / name).write_text(
            "#!/bin/bash\n"
            + text.format(
                log=worker.daemon.log, pid=worker.daemon.process.pid, python=sys.executable
            )
        )
        (commands / name).chmod(0o755)
    block = _block(0)
    places = {
        "/opt/activation-worker/.venv/bin": str(commands),
        "/etc/activation-worker": str(home),
        "127.0.0.1:8080": worker.api,
        "127.0.0.1:9464": worker.admin,
        "127.0.0.1:9090": prometheus,
    }
    for place, here in places.items():
        assert place in block
        block = block.replace(place, here)
    return block


def commands_of(page: Path) -> list[str]:
    """Those in its blocks, and calls of our command line within its sentences."""
    text = page.read_text()
    blocks = re.findall(r"^    (\S.*)$", text, re.MULTILINE)
    prose = re.sub(r"^    .*$", "", text, flags=re.MULTILINE)
    inline = re.findall(r"`(activation-worker [a-z][^`]*)`", prose)
    return [*blocks, *(" ".join(command.split()) for command in inline)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_runbook_works_for_who_is_on_call(night: Night, page: Path) -> None:
    payloads = night.home / "payloads.ndjson"
    payloads.write_text("")
    for command in commands_of(page):
        if command in night.done:
            continue
        ends_one = "settle-exposure" in command and "--activation" in command
        night.done[command] = night.run(
            command,
            PROVIDER="sim",
            INSTANCE=night.worker.admin,
            ID=night.exposed.pop() if ends_one else night.number,
            BASE_URL=f"http://{night.worker.api}",
            EVENTS_URL=f"http://{night.worker.api}",
            REDIS_URL=(night.home / "secrets/redis__url").read_text(),
            FILE=str(payloads),
            EVENT=night.call("GET", "/v1/events?limit=1", night.token)["items"][0]["id"],
        )


@pytest.mark.parametrize(("at", "program"), [(1, "kubectl"), (2, "docker")])
def test_what_is_done_in_a_container_bears_the_name_of_who_is_on_call(
    night: Night, at: int, program: str
) -> None:
    home = night.home / program
    (home / "secrets").mkdir(parents=True)
    (home / ".activation-worker-token").write_text(night.token)
    (home / "secrets/aw_api__tokens").write_text(f"oncall:operate+decide:{night.token}\n")
    stand_in = _CONTAINER.format(config=night.worker.config, api=night.worker.api)
    (home / program).write_text(stand_in)
    (home / program).chmod(0o755)
    (home / "payloads").write_text("no JSON\n")
    shell = f"export PATH={home}:{night.home}:$PATH\n{_block(at)}"
    there = replace(night, home=home, shell=shell)

    seen = f"seen through {program}"
    there.run(f'activation-worker number note "$ID" "{seen}"', ID=night.number)
    checked = there.run(
        'activation-worker import numbers /dev/stdin --dry-run < "$FILE" || true',
        FILE=str(home / "payloads"),
    )

    shown = night.call("GET", f"/v1/activations/{night.number}", night.token)
    by = [line["by"] for line in shown["timeline"] if line.get("note") == seen]
    assert by == [f"{getpass.getuser()} (oncall)"]
    assert re.search(r"^refused +1\b", checked, re.MULTILINE)


def test_what_an_admin_listener_refuses_is_read_beside_compose_too(night: Night) -> None:
    home = night.home / "refused"
    (home / "secrets").mkdir(parents=True)
    (home / "secrets/aw_api__tokens").write_text(f"oncall:operate+decide:{night.token}\n")
    (home / "docker").write_text(
        _CONTAINER.format(config=night.worker.config, api=night.worker.api)
    )
    (home / "docker").chmod(0o755)
    block = _block(2)
    assert "worker:9464" in block
    python = Path(sys.executable).parent
    shell = f"export PATH={home}:{python}:$PATH\n{block.replace('worker:9464', night.worker.admin)}"
    there = replace(night, home=home, shell=shell)

    ready = there.run('curl -s "http://$ADMIN/readyz?verbose"')
    refused = there.run('curl -s "http://$INSTANCE/nothing"', INSTANCE=night.worker.admin)

    assert json.loads(ready)["status"] == "ok"
    assert json.loads(refused)["status"] == 404


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_command_needs_is_named_in_the_index(page: Path) -> None:
    used = {name for each in commands_of(page) for name in re.findall(r"\$(\w+)", each)}

    assert used <= set(re.findall(r"[A-Z_]{2,}", INDEX))
    assert not re.search(r"\b(?:journalctl|systemctl|kubectl|TOKEN|NAME)\b", page.read_text())


#: Alerts about one worker: their text names it by its label.
OF_AN_INSTANCE: Final = sorted(
    alert["alert"] for alert in alerts() if "$labels.instance" in str(alert["annotations"])
)


@pytest.mark.parametrize("alert", OF_AN_INSTANCE)
def test_the_page_of_an_alert_about_one_worker_asks_that_one(alert: str) -> None:
    commands = commands_of(RUNBOOKS / f"{alert}.md")

    assert [command for command in commands if "http://$INSTANCE/" in command]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_who_asks_whether_a_worker_lives_or_is_ready_is_told_what_fails(page: Path) -> None:
    asked = [command for command in commands_of(page) if re.search("/(livez|readyz)", command)]

    assert [command for command in asked if not command.endswith('?verbose"')] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_asks_only_what_can_be_asked_of_hosts_and_of_containers(page: Path) -> None:
    places = [set(re.findall(r"^([a-z]+)\(\)", _block(at), re.MULTILINE)) for at in range(3)]
    used = {command.split()[0] for command in commands_of(page)}

    programs = {"activation-worker", "curl", "redis-cli", "time"}
    assert used - programs <= set.intersection(*places)


def test_what_the_symptoms_ask_of_the_database_is_asked_of_the_daemons_own(night: Night) -> None:
    asked = [block.text for block in blocks_of(SYMPTOMS) if block.kind == "python"]
    assert len(asked) == 1

    told = night.run(f"{sys.executable} - <<'END'\n{asked[0]}END")

    assert re.search(r"^activation \d+ kB -?\d+$", told, re.MULTILINE)


def test_the_access_log_and_the_level_change_without_a_restart(night: Night) -> None:
    def called(request_id: str) -> None:
        headers = {"X-Request-Id": request_id}
        night.call("GET", "/v1/providers/sim", night.token, headers=headers)

    def seen(request_id: str) -> bool:
        return any(line.get("request_id") == request_id for line in night.logged())

    called("before")
    until(lambda: seen("before"))
    night.reload(("[defaults]", "[log]\naccess = false\n[defaults]"))
    called("not-logged")
    night.reload(("access = false", 'level = "warning"'))
    called("below-the-level")
    night.reload(('level = "warning"', 'level = "info"'))
    called("after")
    until(lambda: seen("after"))

    assert not seen("not-logged")
    assert not seen("below-the-level")
    reloads = [line for line in night.logged() if line["event"] == "config.reloaded"]
    assert reloads


def test_a_configuration_with_a_fault_changes_nothing(night: Night) -> None:
    text = night.worker.config.read_text()
    night.worker.config.write_text(text + '[log]\nlevel = "loud"\n')
    night.worker.daemon.process.send_signal(signal.SIGHUP)

    until(lambda: any(line["event"] == "config.reload_refused" for line in night.logged()))

    night.worker.config.write_text(text)
    assert night.call("GET", "/v1/providers/sim", night.token)["name"] == "sim"


def test_a_board_and_the_log_lead_to_the_number(night: Night) -> None:
    openmetrics = {"Accept": "application/openmetrics-text;version=1.0.0"}
    bodies = []
    for headers in (openmetrics, {}):
        request = urllib.request.Request(f"http://{night.worker.admin}/metrics", headers=headers)
        with urllib.request.urlopen(request, timeout=10) as reply:
            bodies.append(reply.read().decode())
    lateness = r"credit_lateness_seconds_bucket.* # {activation=\"([0-9a-f-]{36})"
    credited = re.findall(lateness, bodies[0])
    assert {_state(night, id_) for id_ in credited} == {"refunded"}
    assert [id_ for id_ in credited if id_ in bodies[1]] == []
    (line,) = (line for line in night.logged() if line.get("activation") == night.alone)
    assert (line["event"], line["count"]) == ("activation.settled", 1)

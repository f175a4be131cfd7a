"""The command line for tests of many commands: each is a fork of a process that has loaded it.

A fresh interpreter takes a second for each of them. `activation-worker` in the directory given asks
that process for a fork, which takes over the caller's streams, folder and environment.
"""

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

ROOT: Final = Path(__file__).parents[1]
#: What the commands would import one by one.
LOADED: Final = (
    *("activations", "audit", "case_acts", "doctor", "events", "moving_in", "provider"),
    *("startup", "timers", "store_session", "provider_session"),
)
_CALLER: Final = """\
#!{python} -ISs
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as there:
    there.connect({address!r})
    call = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(there, [len(call).to_bytes(4, "big")], [0, 1, 2])
    there.sendall(call)
    sys.exit(there.recv(1)[0])
"""


@contextmanager
def forked_commands(directory: Path, code: Path = ROOT) -> Iterator[Path]:
    """The directory that has to be first on the path; *code*: where the package is."""
    address = str(directory / "cli.sock")
    command = directory / "activation-worker"
    command.write_text(_CALLER.format(python=sys.executable, address=address))
    command.chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, __file__, address],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(code)}, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert server.stdout is not None
    try:
        assert server.stdout.readline() == b"ready\n"
        yield directory
    finally:
        server.terminate()
        server.wait(timeout=10)
        server.stdout.close()


def _serve(address: str) -> NoReturn:
    for name in LOADED:
        importlib.import_module(f"worker.entrypoints.cli.{name}")
    importlib.import_module("worker.bootstrap")
    importlib.import_module("uvloop")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Who asked waits for a child, not we.
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            caller, _ = listening.accept()
            if os.fork() == 0:
                _answer(caller)
            caller.close()


def _answer(caller: socket.socket) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, streams, _, _ = socket.recv_fds(caller, 4, 3)
    call = b""
    while len(call) < int.from_bytes(length, "big"):
        call += caller.recv(1 << 16)
    arguments, folder, environment = json.loads(call)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["activation-worker", *arguments]
    code: object = 1
    try:
        importlib.import_module("worker.entrypoints.cli.app").main()
    except SystemExit as ended:
        code = ended.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        caller.send(bytes([code if isinstance(code, int) else 1]))
        os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1])

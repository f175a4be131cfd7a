"""The guides' blocks as one program: run in their order, and what each printed."""

import json
import os
import re
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK: Final = "=== block "


@dataclass(frozen=True)
class Block:
    kind: str  #: `sh`, `python`, `json`, as its fence says.
    text: str


def blocks_of(page: Path) -> list[Block]:
    return [Block(kind, text) for kind, text in _BLOCK.findall(page.read_text())]


def run_page(
    blocks: list[Block], home: Path, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """One shell for the whole page: what a block exports, the next ones have."""
    script = "".join(f"echo '{_MARK}{at}'\n{_shell(block)}" for at, block in enumerate(blocks))
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=home,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def _shell(block: Block) -> str:
    if block.kind == "python":
        end = f"END{uuid.uuid4().hex}"
        return f"python - <<'{end}'\n{block.text}{end}\n"
    return block.text if block.kind == "sh" else ""


def printed(stdout: str) -> dict[int, str]:
    """What each block printed."""
    parts = stdout.split(_MARK)[1:]
    return {int(part.partition("\n")[0]): part.partition("\n")[2] for part in parts}


def differences(shown: Any, real: Any, at: str = "") -> Iterator[str]:
    """Where a page shows something else than what came; it may show a part of it."""
    match shown, real:
        case dict(), dict():
            for name, value in shown.items():
                if name not in real:
                    yield f"{at}/{name} is not there"
                else:
                    yield from differences(value, real[name], f"{at}/{name}")
        case list(), list():
            if len(shown) > len(real) or (real and not shown):
                yield f"{at} has {len(real)} items"
            for place, (one, other) in enumerate(zip(shown, real, strict=False)):
                yield from differences(one, other, f"{at}/{place}")
        case _:
            if shown != real:
                yield f"{at} is {real!r}, not {shown!r}"


def last_json(text: str) -> Any:
    """The last line of JSON that was printed."""
    return json.loads(next(line for line in reversed(text.splitlines()) if line[:1] == "{"))


def environment_of(site: Path, python: Path) -> dict[str, str]:
    """The wheel instead of the checkout, and its commands first on the path."""
    path = os.pathsep.join([str(site / "bin"), str(python.parent), os.environ["PATH"]])
    kept = {"HOME": os.environ["HOME"]} if "HOME" in os.environ else {}
    return {**kept, "PATH": path, "PYTHONPATH": str(site)}

"""One adapter under a coverage-guided fuzzer, in a process of its own that `nightly` starts.

libFuzzer never returns to Python, so the process ends here as soon as enough replies were read,
and reports on the last line of its stdout.
"""

import argparse
import hashlib
import json
import os
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import atheris  # type: ignore[import-untyped] # only in the environment of `make fuzz`

# Coverage is of what was asked for: the fuzzer must not chase paths of its own tools.
with atheris.instrument_imports(include=["worker.adapters.providers"]):
    from tests.fuzz.adapters import ADAPTERS, Adapter
    from tests.fuzz.inputs import SIZE_MAX, evolved, packed, unpacked
    from tests.fuzz.mutations import seeds_of
    from tests.fuzz.oracles import complaints

RSS_MAX_MB: Final = 512  #: Of the whole process; a reader that needs it for one reply leaks.
INPUT_MAX_S: Final = 10  #: A reader that takes longer for one input hangs.
BYTES_ONE_IN: Final = 3  #: Mutations by libFuzzer's own dictionary of comparisons.


class Wrong(Exception):
    """An answer the oracles do not accept; libFuzzer keeps the input that led to it."""


@dataclass(slots=True)
class Run:
    adapter: Adapter
    quota: int  #: Replies to read.
    corpus: Path
    replies: int = 0
    inputs: int = 0
    began: float = 0.0

    def read(self, data: bytes) -> None:
        call = unpacked(data, self.adapter)
        outcome = self.adapter.ask(call)
        wrong = complaints(self.adapter, call, outcome)
        if wrong:
            raise Wrong("; ".join(wrong))
        self.inputs += 1
        self.replies += len(outcome.heard)
        if self.replies >= self.quota:
            self._end()

    def mutate(self, data: bytes, size_max: int, seed: int) -> bytes:
        if seed % BYTES_ONE_IN == 0:
            return bytes(atheris.Mutate(data, size_max))
        return evolved(Random(seed), data, self.adapter)[:size_max]

    def _end(self) -> None:
        report = {
            "replies": self.replies,
            "inputs": self.inputs,
            "seconds": round(time.monotonic() - self.began, 2),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "corpus": sum(1 for _ in self.corpus.iterdir()),
        }
        sys.stdout.write(json.dumps(report) + "\n")
        sys.stdout.flush()
        os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adapter", choices=ADAPTERS)
    parser.add_argument("--replies", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--found", type=Path, required=True, help="a folder for what is wrong")
    options = parser.parse_args()
    adapter = ADAPTERS[options.adapter]
    options.corpus.mkdir(parents=True, exist_ok=True)
    for call in seeds_of(adapter):
        data = packed(call)
        (options.corpus / hashlib.sha256(data).hexdigest()[:40]).write_bytes(data)
    run = Run(adapter, options.replies, options.corpus, began=time.monotonic())
    flags = (
        f"-seed={options.seed}",
        f"-artifact_prefix={options.found}/{adapter.name}.",
        f"-max_len={SIZE_MAX}",
        f"-rss_limit_mb={RSS_MAX_MB}",
        f"-timeout={INPUT_MAX_S}",
        str(options.corpus),
    )
    atheris.Setup([sys.argv[0], *flags], run.read, custom_mutator=run.mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

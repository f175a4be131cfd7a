"""Which functions a file of tests enters: it can kill no mutant that is made in another one."""

import ast
import multiprocessing
import resource
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple, TypeAlias

Position: TypeAlias = tuple[int, int]  #: Line and column.
FORK = multiprocessing.get_context("fork")
ITSELF = "<locals>"  #: What is defined inside of a function is taken for the function.


class Reach(NamedTuple):
    passed: bool
    seconds: float  #: Of the processor, several times what it takes when nobody writes down calls.
    #: Path of a module, and the qualified name of a function.
    entered: Collection[tuple[str, str]]


def traced(run: Callable[[], int], root: Path) -> Reach:
    """What `run` enters of the modules below `root`, when nothing of them is in memory before."""
    receives, sends = FORK.Pipe(duplex=False)

    def trace() -> None:
        codes: set[CodeType] = set()

        def note(frame: FrameType, event: str, _argument: object) -> None:
            if event == "call":
                codes.add(frame.f_code)

        sys.setprofile(note)
        failed = run()
        sys.setprofile(None)
        entered = {
            (str(Path(code.co_filename).relative_to(root)), outermost(code.co_qualname))
            for code in codes
            if code.co_filename.startswith(f"{root}/")
        }
        usage = resource.getrusage(resource.RUSAGE_SELF)
        seconds = usage.ru_utime + usage.ru_stime
        sends.send(Reach(not failed, seconds, sorted(entered)))

    fork = FORK.Process(target=trace)
    fork.start()
    sends.close()
    try:
        return receives.recv()  # type: ignore[no-any-return] # What the line above sends.
    except EOFError:
        return Reach(passed=False, seconds=0.0, entered=[])
    finally:
        fork.join()


def outermost(qualified: str) -> str:
    return qualified.split(f".{ITSELF}", maxsplit=1)[0]


def function_at(module: Path, position: Position) -> str | None:
    """The qualified name of the function that runs `position`; `None` where an import does."""
    for name, start, end in bodies(ast.parse(module.read_text()), ""):
        if start <= position < end:
            return name
    return None


def bodies(node: ast.AST, prefix: str) -> Iterator[tuple[str, Position, Position]]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef(name=name, body=[first, *_]):
                assert child.end_lineno is not None
                assert child.end_col_offset is not None
                start = first.lineno, first.col_offset
                yield f"{prefix}{name}", start, (child.end_lineno, child.end_col_offset)
            case ast.ClassDef(name=name):
                yield from bodies(child, f"{prefix}{name}.")
            case _:
                yield from bodies(child, prefix)

"""Places that the pages name: `path`, `path:Name`, `page#heading`, a dotted module."""

import ast
import re
from pathlib import Path
from typing import Final

from tests.house.source import Source, texts

#: What a page may name: files below these, or at the root with one of these ends.
TOPS: Final = ("worker/", "tests/", "config/", "deploy/")
_IN_CODE: Final = re.compile(r"`([^`\n]+)`")
_PATH: Final = re.compile(rf"(?:{'|'.join(TOPS)})[\w./-]+(?::[\w.]+)?|\.importlinter|Makefile")
_DOTTED: Final = re.compile(r"(?:python -m )?((?:worker|deploy|tests)(?:\.[A-Za-z_]\w*)+)")
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
#: Stands for the name of a new thing.
NEW: Final = "NAME"


def named(text: str) -> list[str]:
    """The places that a page names in code marks, in their order."""
    found = []
    for code in _IN_CODE.findall(text):
        if _PATH.fullmatch(code):
            found.append(code)
        elif (dotted := _DOTTED.fullmatch(code)) is not None:
            found.append(dotted[1])
    return found


def missing(source: Source, place: str) -> str | None:
    """Why a place is none; None where it is there."""
    if _DOTTED.fullmatch(place):
        return None if _module_or_name(source, place) else f"{place}: no such module"
    path, _, heading = place.partition("#")
    path, _, name = path.partition(":")
    if NEW in path:
        pattern = path.replace(NEW, "*")
        return None if any(source.root.glob(pattern)) else f"{place}: nothing is like it"
    if not (source.root / path).exists():
        return f"{place}: no such file"
    if name and not defines(source.root / path, name):
        return f"{place}: nothing there is called {name}"
    if heading and heading not in headings(source.read(Path(path))):
        return f"{place}: no such heading"
    return None


def defines(file: Path, name: str) -> bool:
    """Whether a module defines this function, class, constant, or member of a class."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    for part in name.split("."):
        inner = _definition(body, part)
        if inner is None:
            return False
        body = inner
    return True


def _definition(body: list[ast.stmt], name: str) -> list[ast.stmt] | None:
    """What the definition of a name holds; None where there is none."""
    for node in body:
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                if node.name == name:
                    return node.body
            case ast.Assign(targets=targets):
                if any(ast.unparse(target) == name for target in targets):
                    return []
            case ast.AnnAssign(target=target):
                if ast.unparse(target) == name:
                    return []
            case _:
                pass
    return None


def _module_or_name(source: Source, dotted: str) -> bool:
    file = source.root / Path(*dotted.split("."))
    if file.with_suffix(".py").is_file() or file.is_dir():
        return True
    module, _, name = dotted.rpartition(".")
    parent = source.root / Path(*module.split(".")).with_suffix(".py")
    return parent.is_file() and defines(parent, name)


def headings(text: str) -> set[str]:
    """The anchors of a page's headings."""
    found = set()
    for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", title.lower())
        found.add(plain.strip().replace(" ", "-"))
    return found


def broken_links(source: Source, page: Path) -> list[str]:
    """Links of a page to files or headings that are not there; the web is not asked."""
    broken = []
    for link in _LINK.findall(source.read(page)):
        if "://" in link:
            continue
        path, _, heading = link.partition("#")
        target = source.root / page.parent / path if path else source.root / page
        if not target.exists() or (
            heading and heading not in headings(target.read_text(encoding="utf-8"))
        ):
            broken.append(f"{page}: {link}")
    return broken


def pages(source: Source) -> dict[Path, str]:
    """The pages that ship with the worker."""
    return dict(texts(source.root, "worker/docs"))

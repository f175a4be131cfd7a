"""`python -m tests.ops.shards`: which statements a distributed PostgreSQL would take over shards.

The account is the distribution key. A statement that names one account stays on its shard. Written
into the page `operating` between its marks; a test compares them.
"""

import enum
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from worker.adapters.store.database import expanded

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "worker/docs/operating.md"
SQL: Final = ROOT / "worker/adapters/store/sql"
VERSIONS: Final = ROOT / "worker/adapters/store/migrations/versions"
BEGINS: Final = "<!-- statements: made by python -m tests.ops.shards -->"
ENDS: Final = "<!-- statements: end -->"

#: Small, of no account: each node has a copy, or one node has them.
OF_NO_ACCOUNT: Final = frozenset(
    {
        "audit_proof",
        "gone_endpoint",
        "instance",
        "layout",
        "leadership",
        "policy_version",
        "provider_change",
        "provider_difference",
        "provider_drain",
        "provider_figure",
        "provider_reading",
        "push",
        "timer_seeded",
    }
)
_TABLE: Final = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|ONLY)\s+(\w+)")
_CREATED: Final = re.compile(r"CREATE (?:TABLE|VIEW) (?:IF NOT EXISTS )?(\w+)")
_WRITES: Final = re.compile(r"\b(?:INSERT INTO|DELETE FROM|UPDATE \w+|FOR (?:NO KEY )?UPDATE)\b")
_ONE_ACCOUNT: Final = re.compile(r":account\b(?! AS text\[\])")
_ONE_THING: Final = re.compile(r":(?:id|case_id|activation_id|rental_id|subject|ref|key)\b")
_MANY: Final = re.compile(r"\bunnest\b|\bANY\s*\(", re.IGNORECASE)


class Crossing(enum.Enum):
    BY_ID = "names one number or case by its id, not its account: every shard is asked"
    WRITES = "writes for many accounts in one transaction: a commit over several shards"
    READS = "reads over all accounts"


def tables() -> frozenset[str]:
    return frozenset(
        name
        for file in VERSIONS.iterdir()
        if file.is_file()
        for name in _CREATED.findall(file.read_text())
    )


def crossing(sql: str) -> Crossing | None:
    """How a statement crosses; None: it stays on one shard, or needs none."""
    touched = set(_TABLE.findall(sql)) & tables()
    if not touched - OF_NO_ACCOUNT or _ONE_ACCOUNT.search(sql):
        return None
    if _ONE_THING.search(sql) and not _MANY.search(sql):
        return Crossing.BY_ID
    return Crossing.WRITES if _WRITES.search(sql) else Crossing.READS


def statements() -> Iterator[tuple[str, str]]:
    """Each statement's name and text; the parts of statements are in them."""
    for file in sorted(SQL.rglob("*.sql")):
        if file.parent.name != "parts":
            lines = file.read_text().splitlines()
            bare = "\n".join(line.split("--", maxsplit=1)[0] for line in lines)
            yield str(file.relative_to(SQL).with_suffix("")), expanded(bare)


def table() -> str:
    """By how a statement crosses, and within that by folder."""
    found: Mapping[Crossing, dict[str, list[str]]] = {each: {} for each in Crossing}
    total = 0
    for name, sql in statements():
        total += 1
        how = crossing(sql)
        if how is not None:
            folder, _, own = name.partition("/")
            found[how].setdefault(folder, []).append(own)
    counts = {how: sum(map(len, folders.values())) for how, folders in found.items()}
    lines = [
        f"Of {total} statements {total - sum(counts.values())} stay on one shard or need none.",
        "",
        "| the others | how many | which |",
        "|---|---|---|",
    ]
    for how, folders in found.items():
        which = "; ".join(
            f"**{folder}** {' '.join(names)}" if folder != "audit" else "**audit** all of them"
            for folder, names in folders.items()
        )
        lines.append(f"| {how.value} | {counts[how]} | {which} |")
    return "\n".join(lines)


def written(page: str) -> str:
    """The page with the table as it is now."""
    head, _, rest = page.partition(BEGINS)
    _, _, tail = rest.partition(ENDS)
    return f"{head}{BEGINS}\n{table()}\n{ENDS}{tail}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))

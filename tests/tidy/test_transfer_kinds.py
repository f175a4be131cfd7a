"""Why money moves is one vocabulary: the domain's, in the audit and in the description too."""

import json
import re
from pathlib import Path

from worker.domain.transfer import TransferKind

SQL = Path("worker/adapters/store/sql")
KINDS = {kind.value for kind in TransferKind}
PREFIX = re.compile(r"'([a-z]+):(?:'|%')")


def test_the_audit_knows_what_a_transfer_of_each_kind_moves() -> None:
    audited = (SQL / "audit/transfer_matches_kind.sql").read_text()

    assert set(re.findall(r"WHEN '(\w+)' THEN", audited)) == KINDS


def test_no_statement_names_a_kind_there_is_not() -> None:
    places = {"available", "held", "house"}
    named = {
        name
        for file in SQL.rglob("*.sql")
        if "transfer" in (text := file.read_text())
        for name in PREFIX.findall(text)
    }

    assert named - places <= KINDS
    assert {"hold", "release", "rental"} <= named


def test_the_description_of_an_entry_lists_them() -> None:
    described = json.loads(Path("tests/golden/openapi.json").read_text())["components"]["schemas"]

    assert set(described["Kind"]["enum"]) == KINDS

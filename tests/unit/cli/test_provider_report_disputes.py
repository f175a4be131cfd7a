"""`provider report` names each disputed number with the money at stake."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from worker.domain.balance_check import ProviderSums
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.entrypoints.cli import provider_session
from worker.ports.store.purchases import CountedSums, Dispute, ProviderReport

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
DISPUTE = Dispute(
    activation_id=ActivationId(UUID(int=1)),
    ref=ProviderRef("77"),
    held="cancelled",
    says="charged",
    amount_minor=20,
    currency="USD",
    opened_at=AT,
)
REPORT = ProviderReport(
    known=True,
    drained_at=None,
    live={},
    last_deadline_at=None,
    counted=CountedSums(AT, ProviderSums()),
    exposure_minor={},
    reading=None,
    differences=[],
    disputed={"USD": (1, 20)},
    disputes=[DISPUTE],
)


def test_in_the_document_with_its_id_and_what_both_say() -> None:
    document = provider_session._document(ProviderName("sim"), REPORT, None, None)

    assert document["disputed"] == [{"currency": "USD", "numbers": 1, "amount_minor": 20}]
    assert document["disputes"] == [
        {
            "id": str(DISPUTE.activation_id),
            "provider_ref": "77",
            "held": "cancelled",
            "says": "charged",
            "amount_minor": 20,
            "currency": "USD",
            "since": "2026-01-01T12:00:00.000000Z",
        }
    ]


def test_in_the_table_with_its_amount(capsys: pytest.CaptureFixture[str]) -> None:
    document = provider_session._document(ProviderName("sim"), REPORT, None, None)

    provider_session._write_text(document, "USD")

    written = capsys.readouterr().out
    assert "0.20 USD for 1 numbers" in written
    (line,) = [line for line in written.splitlines() if line.startswith(str(UUID(int=1)))]
    assert line.split()[1:6] == ["77", "cancelled", "charged", "0.20", "USD"]

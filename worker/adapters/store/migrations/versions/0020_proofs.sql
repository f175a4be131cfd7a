-- What the daemon's audit remembers of its proofs, so that the next one reads only what is new.
--
-- Everything is additive: the code of 0016 neither reads nor writes what is new here, and goes on
-- reading everything each time.

-- One row for each invariant that held when it was last checked; what is broken has none. The marks
-- are numbers of the append-only tables: whatever stands at or below them was part of the proof.
CREATE TABLE audit_proof (
    invariant      text PRIMARY KEY,
    whole_at       timestamptz NOT NULL,       -- when it was last checked over everything
    transfer_id    bigint NOT NULL,
    transition_seq bigint NOT NULL,
    event_seq      bigint NOT NULL,
    decision_seq   bigint NOT NULL,
    evidence_seq   bigint NOT NULL
);

-- The sums of each account's transfers up to the mark of `balance_is_sum_of_transfers`.
CREATE TABLE audit_opening (
    account         text PRIMARY KEY,
    available_minor bigint NOT NULL,
    held_minor      bigint NOT NULL
);

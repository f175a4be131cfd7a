-- It was checked over everything and held: later proofs begin at these marks.
INSERT INTO audit_proof (invariant, whole_at, transfer_id, transition_seq, event_seq, decision_seq,
                         evidence_seq)
VALUES (:invariant, now(), :transfer_id, :transition_seq, :event_seq, :decision_seq, :evidence_seq)
ON CONFLICT (invariant) DO UPDATE
   SET whole_at = excluded.whole_at, transfer_id = excluded.transfer_id,
       transition_seq = excluded.transition_seq, event_seq = excluded.event_seq,
       decision_seq = excluded.decision_seq, evidence_seq = excluded.evidence_seq

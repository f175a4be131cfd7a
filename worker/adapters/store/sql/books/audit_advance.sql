-- What is new held, too: the marks move on, where the proof they stand for is still the same one.
-- Another process that checked everything meanwhile, and found it broken or not, has the last word.
UPDATE audit_proof
   SET transfer_id = :transfer_id, transition_seq = :transition_seq, event_seq = :event_seq,
       decision_seq = :decision_seq, evidence_seq = :evidence_seq
 WHERE invariant = :invariant AND whole_at = :whole_at AND transfer_id = :before

-- The newest number each append-only table has given out; whoever was given none has written nothing.
SELECT coalesce(pg_sequence_last_value('transfer_id_seq'), 0) AS transfer_id,
       coalesce(pg_sequence_last_value('transition_seq_seq'), 0) AS transition_seq,
       coalesce(pg_sequence_last_value('event_seq_seq'), 0) AS event_seq,
       coalesce(pg_sequence_last_value('decision_seq_seq'), 0) AS decision_seq,
       coalesce(pg_sequence_last_value('evidence_seq_seq'), 0) AS evidence_seq

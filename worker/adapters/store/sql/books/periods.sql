-- All periods that were closed, each with where the one before it ended.
SELECT p.*, coalesce(lag(transfer_id) OVER w, 0) AS after_transfer_id,
       coalesce(lag(transition_seq) OVER w, 0) AS after_transition_seq,
       coalesce(lag(decision_seq) OVER w, 0) AS after_decision_seq,
       coalesce(lag(evidence_seq) OVER w, 0) AS after_evidence_seq,
       coalesce(lag(until) OVER w, '-infinity') AS after
  FROM book_period p WINDOW w AS (ORDER BY id)
 ORDER BY id

-- The last row of each book before an instant: the one before the first that was written at or after it.
-- Of a transfer that is when it was booked, whatever day it is dated. Whoever wrote before the instant
-- has ended long since, or the caller would not ask.
SELECT coalesce((SELECT min(id) - 1 FROM transfer
                  WHERE coalesce(booked_at, at) >= CAST(:until AS timestamptz)),
                (SELECT max(id) FROM transfer), 0) AS transfer_id,
       coalesce((SELECT min(seq) - 1 FROM timeline WHERE at >= CAST(:until AS timestamptz)),
                (SELECT max(seq) FROM timeline), 0) AS transition_seq,
       coalesce((SELECT min(seq) - 1 FROM decision WHERE at >= CAST(:until AS timestamptz)),
                (SELECT max(seq) FROM decision), 0) AS decision_seq,
       coalesce((SELECT min(seq) - 1 FROM evidence WHERE at >= CAST(:until AS timestamptz)),
                (SELECT max(seq) FROM evidence), 0) AS evidence_seq

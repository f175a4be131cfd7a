-- Answers under an Idempotency-Key, so that a call sent again changes nothing and says the same.
--
-- Everything is additive: the code of 0004 neither reads nor writes what is new here. Making it
-- also takes from the worker's role what it may not do to decisions and evidence.

CREATE TABLE answer (
    key          text PRIMARY KEY,
    content_hash text NOT NULL,
    answer       jsonb,                        -- NULL while the first call has not ended
    taken_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX answer_taken ON answer (taken_at);

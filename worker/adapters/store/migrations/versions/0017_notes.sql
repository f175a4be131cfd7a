-- What staff wants remembered about an account, and that it is told when a review is late.
--
-- Everything is additive: the code of 0016 neither reads nor writes what is new here. Notes on numbers
-- and on cases stand in their own logs, `transition` and `evidence`.
CREATE TABLE account_note (
    account text   NOT NULL REFERENCES account,
    id      bigint GENERATED ALWAYS AS IDENTITY,
    at      timestamptz NOT NULL,
    note    text   NOT NULL,
    by      text,
    PRIMARY KEY (account, id)
);

-- Of what waits already. Code of before leaves timers of a kind that it does not know alone; what comes
-- into review by it during a deploy is listed like the rest, and nobody is told when it is late.
INSERT INTO timer (kind, subject, due_at)
SELECT 'review_late', id, by_when FROM obligation WHERE what = 'review' AND ended_at IS NULL
UNION ALL
SELECT 'review_late', id, now() FROM activation WHERE NOT settled AND state = 'in_review';

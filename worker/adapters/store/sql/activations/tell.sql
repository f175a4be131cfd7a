-- What somebody did or said about a number stands in its timeline, for whoever reads it later.
-- A note that is sent again is the same note, however late. An act that the same person does again
-- is one more act, except within a minute: so much may come of one press, and so a page that asks
-- again and again adds one line a minute. Who wrote it has locked the number before, so that of two
-- who write at once the second one sees the first one's line.
WITH told AS (
    SELECT id, what, CAST(detail AS jsonb) AS detail
      FROM unnest(CAST(:ids AS uuid[]), CAST(:whats AS text[]), CAST(:details AS text[]))
           AS t(id, what, detail)
),
written AS (
    INSERT INTO transition (activation_id, at, what, state, detail)
    SELECT a.id, {{now}}, told.what, a.state, told.detail
      FROM told JOIN activation a USING (id)
     WHERE NOT EXISTS (SELECT FROM transition t
                        WHERE t.activation_id = a.id AND t.what = told.what
                          AND t.detail = told.detail
                          AND (t.what = 'note' OR t.at > {{now}} - interval '1 minute'))
    RETURNING activation_id
)
UPDATE activation a
   SET version = version + 1
  FROM written WHERE a.id = written.activation_id

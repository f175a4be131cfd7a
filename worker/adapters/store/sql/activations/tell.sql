-- What somebody did or said about a number stands in its timeline, for whoever reads it later.
-- A note that is sent again is the same note, however late. An act that the same person does again
-- is one more act, except within a minute: so much may come of one press, and so a page that asks
-- again and again adds one line a minute. Who wrote it has locked the number before, so that of two
-- who write at once the second one sees the first one's line.
WITH written AS (
    INSERT INTO transition (activation_id, at, what, state, detail)
    SELECT a.id, {{now}}, :what, a.state, CAST(:detail AS jsonb)
      FROM activation a
     WHERE a.id = CAST(:id AS uuid)
       AND NOT EXISTS (SELECT FROM transition t
                        WHERE t.activation_id = a.id AND t.what = :what
                          AND t.detail = CAST(:detail AS jsonb)
                          AND (t.what = 'note' OR t.at > {{now}} - interval '1 minute'))
    RETURNING activation_id
)
UPDATE activation a
   SET version = version + 1
  FROM written WHERE a.id = written.activation_id

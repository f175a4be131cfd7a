-- The events about one number and its cases, oldest first.
SELECT seq, subject, type, number, at, activation_id, payload, attempts FROM event
 WHERE subject = CAST(:id AS text)
    OR subject IN (SELECT CAST(id AS text) FROM case_ WHERE activation_id = CAST(:id AS uuid))
 ORDER BY seq

-- The cases of which something was written between two marks, those that are open, and all others
-- about the same things: what was given for a thing is limited over all its cases together.
WITH moved AS (
    SELECT split_part(key, ':', 2) AS id FROM transfer
     WHERE id > :transfer_id AND id <= :transfer_id_to
       AND split_part(key, ':', 1) IN
           ('claim', 'withhold', 'giveback', 'excess', 'withdraw', 'fee', 'void')
),
named AS (
    SELECT subject AS id FROM decision WHERE seq > :decision_seq AND seq <= :decision_seq_to
    UNION
    SELECT case_id FROM evidence WHERE seq > :evidence_seq AND seq <= :evidence_seq_to
    UNION
    SELECT CASE WHEN id ~ '^[0-9a-f-]{36}$' THEN CAST(id AS uuid) END FROM moved
    UNION
    SELECT id FROM case_ WHERE closed_at IS NULL
),
things AS (
    SELECT activation_id, rental_id FROM case_ WHERE id IN (SELECT id FROM named)
    UNION
    SELECT unnest(CAST(:numbers AS uuid[])), NULL
)
SELECT ARRAY(
    SELECT id FROM named WHERE id IS NOT NULL
    UNION
    SELECT id FROM case_ WHERE activation_id IN (SELECT activation_id FROM things)
    UNION
    SELECT id FROM case_ WHERE rental_id IN (SELECT rental_id FROM things)
)

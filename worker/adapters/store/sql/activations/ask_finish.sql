-- The customer has what he came for: a number with a code is due for its ending now (E7).
WITH found AS MATERIALIZED (
    SELECT id, state FROM activation WHERE id = CAST(:id AS uuid) FOR NO KEY UPDATE
),
asked AS (
    UPDATE activation a
       SET ending_at = least(a.ending_at, {{now}})
      FROM found WHERE a.id = found.id AND a.state = 'received'
)
SELECT state FROM found

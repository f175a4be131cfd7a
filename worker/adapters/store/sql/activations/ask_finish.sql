-- The customer has what he came for: a number with a code is due for its ending now (E7).
-- He waits for the answer, so a row that stays locked is waited for no longer than is said here.
WITH found AS MATERIALIZED (
    SELECT id, state FROM activation
     WHERE id = CAST(:id AS uuid)
       AND (SELECT set_config('lock_timeout', :lock_wait, true)) IS NOT NULL
       FOR NO KEY UPDATE
),
asked AS (
    UPDATE activation a
       SET ending_at = least(a.ending_at, {{now}})
      FROM found WHERE a.id = found.id AND a.state = 'received'
)
SELECT state FROM found

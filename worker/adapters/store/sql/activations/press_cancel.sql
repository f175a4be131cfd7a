-- The Cancel button (E3): a waiting number becomes expiring, the first reason stays; anything else
-- answers as it is. Due at once, or when the provider first allows a cancel. Many at a time: a commit
-- each would keep thousands who press at once waiting for half a minute. A number that somebody
-- else has locked is left out, so that it costs the others nothing: it is locked alone first.
WITH found AS MATERIALIZED (
    SELECT id, state, provider, cancel_not_before FROM activation
     WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
),
pressed AS (
    UPDATE activation a
       SET state = 'expiring', reason = 'cancel', version = version + 1,
           ending_at = least(a.ending_at, {{now}}),
           -- Never later than the deadline: what the provider still refuses then, the grace ends.
           lease_until = least(a.cancel_not_before, a.ending_at)
      FROM found WHERE a.id = found.id AND a.state = 'waiting'
    RETURNING a.id
),
logged AS (
    INSERT INTO transition (activation_id, at, what, state, detail)
    SELECT id, {{now}}, 'expiring', 'expiring',
           jsonb_build_object('reason', 'cancel')
      FROM pressed
)
SELECT id, state, provider,
       CASE WHEN cancel_not_before > {{now}}
            THEN cancel_not_before END AS not_before
  FROM found

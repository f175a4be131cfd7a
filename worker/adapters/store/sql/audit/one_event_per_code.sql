-- Every code that was shown was told once, and nothing else was; events and logs of long ago may be gone.
WITH shown AS (
    SELECT activation_id AS id, at, CAST(detail ->> 'number' AS integer) AS number
      FROM transition WHERE what = 'code'
),
told AS (
    SELECT activation_id AS id, number FROM event WHERE type = 'activation.code_received'
)
SELECT coalesce(shown.id, told.id)::text AS offender
  FROM shown FULL JOIN told ON told.id = shown.id AND told.number = shown.number
 WHERE shown.id IS NULL AND NOT EXISTS (SELECT FROM dropped_number d WHERE d.activation_id = told.id)
    OR told.id IS NULL AND shown.at > (SELECT before FROM retention_mark WHERE what = 'event')

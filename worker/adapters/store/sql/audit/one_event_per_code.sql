-- Every code that was shown was told once, and nothing else was.
WITH shown AS (
    SELECT activation_id AS id, CAST(detail ->> 'number' AS integer) AS number
      FROM transition WHERE what = 'code'
),
told AS (
    SELECT activation_id AS id, number FROM event WHERE type = 'activation.code_received'
)
SELECT coalesce(shown.id, told.id)::text AS offender
  FROM shown FULL JOIN told ON told.id = shown.id AND told.number = shown.number
 WHERE shown.id IS NULL OR told.id IS NULL

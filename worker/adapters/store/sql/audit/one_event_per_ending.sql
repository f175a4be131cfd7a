-- A final activation told of its ending once, and of no other; an order without a number need not.
-- Events that are older than the mark were forgotten.
WITH told AS (
    SELECT activation_id AS id, count(*) AS events, min(type) AS type
      FROM event
     WHERE type IN ('activation.delivered', 'activation.refunded', 'activation.closed')
     GROUP BY activation_id
)
SELECT coalesce(coalesce(a.id, told.id)::text, 'no activation') AS offender
  FROM (SELECT id, state FROM activation WHERE settled) a FULL JOIN told ON told.id = a.id
 WHERE NOT (told.events IS NULL AND EXISTS (SELECT FROM settlement s
              WHERE s.activation_id = a.id AND (s.reason = 'never_provided' OR s.at <= (
                       SELECT before FROM retention_mark WHERE what = 'event'))))
   AND (told.events IS DISTINCT FROM 1 OR told.type IS DISTINCT FROM 'activation.' || a.state)

-- A hold is captured or released once, as the ending says, and stays while there is no ending.
WITH resolved AS (
    SELECT activation_id AS id, count(*) AS moves, min(split_part(key, ':', 1)) AS kind,
           min(amount_minor) AS amount_minor, min(destination) AS destination
      FROM transfer WHERE key LIKE 'capture:%' OR key LIKE 'release:%'
     GROUP BY activation_id
),
expected AS (
    SELECT id, price_minor,
           CASE state WHEN 'refunded' THEN 'release' WHEN 'delivered' THEN 'capture'
                      WHEN 'closed' THEN 'capture' END AS kind,
           CASE WHEN state <> 'refunded' THEN 'house:revenue'
                WHEN charge = 'hold' THEN 'available:' || account
                ELSE 'house:outside' END AS destination
      FROM activation a
     WHERE NOT EXISTS (SELECT FROM dropped_number d WHERE d.activation_id = a.id)
    UNION ALL
    SELECT id, price_minor, CASE state WHEN 'failed' THEN 'release' END,
           CASE "order" ->> 'charge' WHEN 'external' THEN 'house:outside'
                                    ELSE 'available:' || account END
      FROM purchase p
     WHERE NOT EXISTS (SELECT FROM activation a WHERE a.id = p.id)
       AND NOT EXISTS (SELECT FROM dropped_number d WHERE d.activation_id = p.id)
)
SELECT coalesce(expected.id, resolved.id)::text AS offender
  FROM expected FULL JOIN resolved ON resolved.id = expected.id
 WHERE expected.kind IS DISTINCT FROM resolved.kind
    OR resolved.moves > 1
    OR resolved.amount_minor <> expected.price_minor
    OR resolved.destination <> expected.destination

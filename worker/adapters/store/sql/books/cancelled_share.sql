-- The share of cancelled numbers among the newest endings of the last hour, per provider.
-- At most `:sample` of them are read: the cost does not grow with what was ever settled.
WITH newest AS MATERIALIZED (
    SELECT activation_id FROM settlement
     WHERE at > {{now}} - interval '1 hour'
       AND at <= {{now}}
       AND reason <> 'never_provided'  -- There was no number.
     ORDER BY at DESC LIMIT :sample
)
SELECT a.provider, count(*) AS ended,
       count(*) FILTER (WHERE a.provider_state = 'cancelled') AS cancelled
  FROM newest JOIN activation a ON a.id = newest.activation_id
 GROUP BY a.provider

-- Settled activations that come next for a claim window, and how far that leads.
-- A minute behind the clock: no transaction that settles is open for that long, so none is passed by.
WITH horizon AS (
    SELECT upto, {{now}} - interval '60 seconds' AS until
      FROM timer_seeded
),
next AS (
    SELECT s.activation_id, s.at, s.outcome
      FROM settlement s
     -- Not joined: as values known before, both are conditions of the index, which is read in its
     -- order up to the limit; for a join all that was ever settled may be read, or sorted.
     WHERE s.at > (SELECT upto FROM horizon) AND s.at <= (SELECT until FROM horizon)
     ORDER BY s.at LIMIT :limit
),
-- Settlements of one instant stay together, however many there are.
reach AS (
    SELECT CASE WHEN count(*) < :limit THEN (SELECT until FROM horizon) ELSE max(at) END AS upto,
           count(*) >= :limit AS more
      FROM next
)
SELECT s.activation_id AS id, a.policy, a.policy_version, a.rented_at, a.service, a.country,
       a.price_minor, a.order_facts, reach.upto, reach.more
  FROM reach
  LEFT JOIN (settlement s JOIN activation a ON a.id = s.activation_id)
    ON s.at > (SELECT upto FROM horizon) AND s.at <= reach.upto AND s.outcome <> 'refunded'
   AND (a.policy, a.policy_version) IN
       (SELECT * FROM unnest(CAST(:names AS text[]), CAST(:versions AS text[])))

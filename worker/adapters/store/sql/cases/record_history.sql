-- What limits count of an account's past, summed by kind and by the spans that limits have: as few
-- rows after ten thousand orders as after ten. Each kind is read since an instant of its own, NULL:
-- not at all. What was given is written when it is settled, which may be after `:now`, the end of a
-- window: it counts, however late it was written. An early end is not what limits of Cancel count.
--
-- No window is longer than a day, and what Cancel or the end of it credits is settled soon after: so
-- of the orders only those are read that can have ended within the span.
WITH deed AS (
    SELECT 'order' AS what, CAST(NULL AS text) AS kind, a.rented_at AS at, a.price_minor AS minor
      FROM activation a
     WHERE a.account = :account AND a.rented_at > CAST(:order_since AS timestamptz)
       AND a.rented_at <= CAST(:now AS timestamptz)
    UNION ALL
    SELECT 'order', NULL, r.rented_at, r.price_minor
      FROM rental r
     WHERE r.account = :account AND r.rented_at > CAST(:order_since AS timestamptz)
       AND r.rented_at <= CAST(:now AS timestamptz)
    UNION ALL
    SELECT 'cancel', NULL, least(a.ending_at, s.at), a.price_minor
      FROM activation a LEFT JOIN settlement s ON s.activation_id = a.id
     WHERE a.account = :account
       AND a.rented_at > CAST(:cancel_since AS timestamptz) - interval '2 days'
       AND a.reason = 'cancel' AND a.state IN ('expiring', 'refunded')
       AND least(a.ending_at, s.at) > CAST(:cancel_since AS timestamptz)
    UNION ALL
    SELECT 'auto_credit', NULL, s.at, a.price_minor
      FROM activation a JOIN settlement s ON s.activation_id = a.id
     WHERE a.account = :account
       AND a.rented_at > CAST(:auto_credit_since AS timestamptz) - interval '7 days'
       AND a.state = 'refunded' AND a.reason IS DISTINCT FROM 'cancel'
       AND s.reason IN ('timeout', 'provider') AND s.at > CAST(:auto_credit_since AS timestamptz)
    UNION ALL
    SELECT g.what, CASE c.kind WHEN 'claim' THEN c.facts ->> 'claim_kind' END, d.at, d.amount_minor
      FROM (VALUES ('claim', 'claim', CAST(:claim_since AS timestamptz)),
                   ('withdrawal', 'payout', CAST(:payout_since AS timestamptz)),
                   ('rental_outage', 'auto_credit', CAST(:auto_credit_since AS timestamptz)),
                   ('rental_end', 'auto_credit', CAST(:auto_credit_since AS timestamptz)),
                   ('rental_cancel', 'cancel', CAST(:cancel_since AS timestamptz)))
           g (kind, what, since)
      JOIN case_ c ON c.account = :account AND c.kind = g.kind
                  AND coalesce(c.closed_at, 'infinity') > g.since
      JOIN LATERAL (SELECT at, amount_minor, reason FROM decision
                     WHERE subject = c.id AND op <> 'sla_tick' ORDER BY seq DESC LIMIT 1) d ON true
     WHERE c.state IN ('granted', 'approved', 'paid')
       AND c.id IS DISTINCT FROM CAST(:case_id AS uuid) AND d.at > g.since
       AND (c.kind <> 'rental_cancel' OR d.reason IN ('cancelled_before_sms', 'renewal_cancelled'))
),
dated AS (SELECT what, kind, least(at, CAST(:now AS timestamptz)) AS at, minor FROM deed)
SELECT what, kind, max(at) AS at, sum(minor)::bigint AS amount_minor, count(*) AS times
  FROM dated
 GROUP BY what, kind, (SELECT count(*) FROM unnest(CAST(:bounds AS timestamptz[])) b WHERE b < at)
 ORDER BY at, what, kind

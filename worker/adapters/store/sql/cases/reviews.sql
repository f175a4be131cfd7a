-- What waits for a human after a place in the list, what has to be decided first first.
-- A review without a date of its policy has its place two days after it began.
-- An activation in review proposes its own price: that is what is on hold. Its date is counted in
-- working days where it is shown; for its place, days will do: they never put it too late.
-- An order of a long rental in doubt has its own date, and no case.
-- The page is found first, by places alone: what else a review shows is read for its rows, not for
-- all that wait. wanted() stands for the conditions of `case_rows.reviews_sql`.
WITH RECURSIVE providers AS (
    -- Providers with live numbers, one step of an index for each: those that wait have no ending.
    (SELECT at_provider FROM live ORDER BY at_provider LIMIT 1)
    UNION ALL
    SELECT (SELECT l.at_provider FROM live l
             WHERE l.at_provider > p.at_provider ORDER BY l.at_provider LIMIT 1)
      FROM providers p WHERE p.at_provider IS NOT NULL
),
pace AS (
    SELECT * FROM unnest(CAST(:names AS text[]), CAST(:versions AS text[]), CAST(:days AS integer[]))
               AS p(policy, policy_version, days)
),
waiting AS (
    SELECT 'case' AS what, r.case_id AS id, c.id AS case_id,
           coalesce(c.activation_id, c.rental_id) AS order_id, r.opened_at,
           coalesce(r.by_when, r.opened_at + interval '2 days') AS rank_at
      FROM review r JOIN case_ c ON c.id = r.case_id
     WHERE r.closed_at IS NULL
    UNION ALL
    -- What the shop owes in a case; that somebody has to decide stands above.
    SELECT 'owed', o.id, c.id, coalesce(c.activation_id, c.rental_id), o.since, o.by_when
      FROM obligation o JOIN case_ c ON c.id = o.case_id
     WHERE o.ended_at IS NULL AND o.owed_by = 'shop' AND o.what <> 'review'
    UNION ALL
    SELECT 'activation', a.id, CAST(NULL AS uuid), a.id, t.at,
           t.at + make_interval(days => coalesce(pace.days, 2))
      FROM providers
      JOIN live ON live.at_provider = providers.at_provider AND live.ends_at = 'infinity'
      JOIN activation a ON a.id = live.id AND NOT a.settled AND a.state = 'in_review'
      JOIN LATERAL (SELECT at FROM transition
                     WHERE activation_id = a.id AND what = 'in_review' ORDER BY seq DESC LIMIT 1) t
        ON true
      LEFT JOIN pace USING (policy, policy_version)
    UNION ALL
    SELECT 'order', o.id, CAST(NULL AS uuid), o.rental_id, o.doubted_at, o.decide_by
      FROM rental_order o WHERE o.ended_at IS NULL AND o.state = 'unknown'
),
page AS (
    SELECT * FROM waiting
     WHERE wanted()
     ORDER BY rank_at, opened_at, id
     LIMIT :limit
),
told AS (
    SELECT page.id, page.case_id, c.kind, c.account, c.subject, page.opened_at, r.reason, r.clauses,
           r.proposed_minor, acc.currency, r.destination, r.by_when, c.facts, c.policy,
           c.policy_version, page.order_id, page.rank_at
      FROM page JOIN review r
             ON r.case_id = page.id AND r.opened_at = page.opened_at AND r.closed_at IS NULL
      JOIN case_ c ON c.id = page.case_id JOIN account acc ON acc.account = c.account
     WHERE page.what = 'case'
    UNION ALL
    SELECT page.id, page.case_id, c.kind, o.account, c.subject, page.opened_at, o.what,
           CAST('{}' AS text[]),
           coalesce((SELECT d.amount_minor FROM decision d WHERE d.subject = c.id
                      AND d.op <> 'sla_tick' ORDER BY d.seq DESC LIMIT 1), 0),
           acc.currency, NULL, o.by_when, c.facts, c.policy, c.policy_version, page.order_id,
           page.rank_at
      FROM page JOIN obligation o ON o.id = page.id
      JOIN case_ c ON c.id = page.case_id JOIN account acc ON acc.account = o.account
     WHERE page.what = 'owed'
    UNION ALL
    SELECT page.id, page.case_id, 'activation', a.account, a.id::text, page.opened_at,
           coalesce((SELECT t.detail ->> 'reason' FROM transition t WHERE t.activation_id = a.id
                      AND t.what = 'in_review' ORDER BY t.seq DESC LIMIT 1), 'unknown'),
           CAST('{}' AS text[]), a.price_minor,
           a.currency, CASE a.charge WHEN 'hold' THEN 'balance' END, CAST(NULL AS timestamptz),
           jsonb_build_object('provider', a.provider, 'provider_state', a.provider_state,
                              'service', a.service, 'country', a.country, 'policy', a.policy),
           a.policy, a.policy_version, page.order_id, page.rank_at
      FROM page JOIN activation a ON a.id = page.id
     WHERE page.what = 'activation'
    UNION ALL
    SELECT page.id, page.case_id, 'rental_order', o.account, o.id::text, page.opened_at,
           'outcome_unknown', CAST('{}' AS text[]), o.price_minor, o.currency,
           CASE o.charge WHEN 'hold' THEN 'balance' END, o.decide_by,
           jsonb_build_object('order', o.kind, 'provider', o.provider, 'service', o.service,
                              'country', o.country, 'hours', o.seconds / 3600, 'charge', o.charge,
                              'policy', o.policy),
           o.policy, o.policy_version, page.order_id, page.rank_at
      FROM page JOIN rental_order o ON o.id = page.id
     WHERE page.what = 'order'
)
SELECT *, nullif(rank_at, 'infinity') AS rank,
       coalesce((SELECT n.order_ref FROM activation n WHERE n.id = order_id),
                (SELECT r.order_ref FROM rental r WHERE r.id = order_id),
                (SELECT o.order_ref FROM rental_order o WHERE o.id = told.id)) AS order_ref,
       coalesce((SELECT n.charge FROM activation n WHERE n.id = order_id),
                (SELECT r.charge FROM rental r WHERE r.id = order_id),
                (SELECT o.charge FROM rental_order o WHERE o.id = told.id)) AS charge
  FROM told
 ORDER BY rank_at, opened_at, id

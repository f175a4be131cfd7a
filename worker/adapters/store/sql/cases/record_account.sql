-- What our books know about one account, in one row. Its balances are locked, so nothing that moves
-- money of it changes this meanwhile. What another withdrawal set aside counts like what it paid.
SELECT acc.account, acc.currency, acc.policy, acc.state,
       (SELECT amount_minor FROM balance b WHERE b.account = acc.account AND bucket = 'available')
         AS balance_minor,
       (SELECT amount_minor FROM balance b WHERE b.account = acc.account AND bucket = 'held')
         AS held_minor,
       coalesce((SELECT jsonb_agg(jsonb_build_array(extract(epoch FROM t.at) * 1000000,
                                                    t.amount_minor) ORDER BY t.id)
                   FROM transfer t WHERE t.account = acc.account AND t.key LIKE 'topup:%'),
                '[]') AS topups,
       coalesce((SELECT jsonb_agg(jsonb_build_array(
                            extract(epoch FROM c.opened_at) * 1000000, taken.minor)
                            ORDER BY c.opened_at, c.id)
                   FROM case_ c
                   JOIN LATERAL (
                        SELECT CASE c.state WHEN 'paid' THEN
                                    (SELECT sum(t.amount_minor) FROM transfer t
                                      WHERE t.key IN ('withdraw:' || c.id, 'fee:' || c.id))
                                    ELSE c.withheld_minor END::bigint AS minor) taken ON true
                  WHERE c.account = acc.account AND c.kind IN ('withdrawal', 'claim')
                    AND c.id IS DISTINCT FROM CAST(:case_id AS uuid) AND taken.minor > 0),
                '[]') AS payouts,
       (SELECT max(t.at) FROM transfer t
         WHERE t.account = acc.account AND t.key LIKE 'topup:%') AS last_deposit_at,
       (SELECT max(a.deadline_at) FROM activation a
         WHERE a.account = acc.account AND NOT a.settled
           -- No window is longer than a day: what is older cannot be running.
           AND a.rented_at > CAST(:now AS timestamptz) - interval '2 days') AS open_order_window_end,
       coalesce((SELECT t.at FROM transfer t WHERE t.account = acc.account ORDER BY t.id DESC LIMIT 1),
                acc.opened_at) AS idle_since,
       -- What cases gave back has the house as its source, captures and rentals have it as the end.
       coalesce((SELECT sum(CASE 'house:revenue' WHEN t.destination THEN t.amount_minor
                                                 WHEN t.source THEN -t.amount_minor ELSE 0 END)
                   FROM transfer t
                  WHERE t.account = acc.account
                    AND split_part(t.key, ':', 1) IN ('capture', 'rental', 'claim')), 0)::bigint
         AS spent_minor,
       EXISTS (SELECT FROM case_ c WHERE c.account = acc.account AND c.kind = 'withdrawal'
                  AND c.closed_at IS NULL AND c.id IS DISTINCT FROM CAST(:case_id AS uuid))
         AS withdrawal_open,
       coalesce((SELECT jsonb_agg(jsonb_build_array(extract(epoch FROM c.opened_at) * 1000000,
                                                    c.state) ORDER BY c.opened_at, c.id)
                   FROM case_ c WHERE c.account = acc.account AND c.kind = 'withdrawal'
                    AND c.id IS DISTINCT FROM CAST(:case_id AS uuid)),
                '[]') AS withdrawals,
       coalesce((SELECT jsonb_agg(jsonb_build_array(c.facts ->> 'event', c.state)
                                  ORDER BY c.opened_at, c.id)
                   FROM case_ c WHERE c.account = acc.account AND c.kind = 'account'
                    AND c.id IS DISTINCT FROM CAST(:case_id AS uuid)),
                '[]') AS events,
       ARRAY(SELECT flag FROM account_finding f
              WHERE f.account = acc.account AND f.ended_at IS NULL) AS findings
  FROM account acc WHERE acc.account = :account

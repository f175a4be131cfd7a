-- What an account has and did that decides whether money may leave it, in one row.
-- Its balances are locked, so nothing that moves money of it can change this meanwhile.
SELECT acc.state,
       (SELECT amount_minor FROM balance b WHERE b.account = acc.account AND bucket = 'available')
         AS available_minor,
       (SELECT amount_minor FROM balance b WHERE b.account = acc.account AND bucket = 'held')
         AS held_minor,
       coalesce((SELECT jsonb_agg(jsonb_build_array(extract(epoch FROM t.at) * 1000000,
                                                    t.amount_minor) ORDER BY t.id)
                   FROM transfer t WHERE t.account = acc.account AND t.key LIKE 'topup:%'),
                '[]') AS topups,
       -- What other withdrawals took: when asked for, when granted, how much.
       coalesce((SELECT jsonb_agg(jsonb_build_array(
                            extract(epoch FROM coalesce(CAST(c.facts ->> 'claim_at' AS timestamptz),
                                                        c.opened_at)) * 1000000,
                            extract(epoch FROM d.at) * 1000000, d.amount_minor + d.fee_minor)
                            ORDER BY d.at, d.seq)
                   FROM case_ c
                   JOIN LATERAL (SELECT at, seq, amount_minor, fee_minor FROM decision
                                  WHERE subject = c.id AND op <> 'sla_tick'
                                  ORDER BY seq DESC LIMIT 1) d ON true
                  WHERE c.account = acc.account AND c.kind = 'withdrawal'
                    AND c.state IN ('approved', 'paid') AND c.id <> CAST(:id AS uuid)),
                '[]') AS paid_out,
       (SELECT max(a.rented_at) FROM activation a
         WHERE a.account = acc.account AND a.state IN ('received', 'delivered')) AS activated_at,
       (SELECT max(a.deadline_at) FROM activation a
         WHERE a.account = acc.account AND NOT a.settled
           -- No window is longer than a day: what is older cannot be running.
           AND a.rented_at > CAST(:now AS timestamptz) - interval '2 days') AS open_order_end,
       EXISTS (SELECT FROM case_ c WHERE c.account = acc.account AND c.kind = 'withdrawal'
                  AND c.closed_at IS NULL AND c.id <> CAST(:id AS uuid)) AS withdrawal_open,
       coalesce((SELECT jsonb_agg(jsonb_build_array(c.facts ->> 'event', c.state,
                                                    c.id = CAST(:id AS uuid))
                                  ORDER BY c.opened_at, c.id)
                   FROM case_ c WHERE c.account = acc.account AND c.kind = 'account'),
                '[]') AS events,
       ARRAY(SELECT flag FROM account_finding f
              WHERE f.account = acc.account AND f.ended_at IS NULL) AS findings
  FROM account acc WHERE acc.account = :account

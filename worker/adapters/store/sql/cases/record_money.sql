-- What our books know about one account's money, for a question about its balance, in one row. What
-- another withdrawal set aside counts like what it paid, from when it was last set aside: top-ups since
-- the request may be in it. Its keys are numbered, so each is found by itself and no entry else is read.
SELECT coalesce((SELECT jsonb_agg(jsonb_build_array(extract(epoch FROM t.at) * 1000000,
                                                    t.amount_minor) ORDER BY t.id)
                   FROM transfer t WHERE t.account = acc.account AND t.key LIKE 'topup:%'),
                '[]') AS topups,
       coalesce((SELECT jsonb_agg(jsonb_build_array(
                            extract(epoch FROM taken.at) * 1000000, taken.minor)
                            ORDER BY taken.at, c.id)
                   FROM case_ c
                   JOIN LATERAL (
                        SELECT CASE c.state WHEN 'paid' THEN
                                    (SELECT sum(t.amount_minor) FROM transfer t
                                      WHERE t.key IN ('withdraw:' || c.id, 'fee:' || c.id))
                                    ELSE c.withheld_minor END::bigint AS minor,
                               coalesce((WITH RECURSIVE aside AS (
                                        SELECT 1 AS number, t.at FROM transfer t
                                         WHERE t.key = 'withhold:' || c.id
                                        UNION ALL
                                        SELECT aside.number + 1, t.at FROM aside
                                          JOIN transfer t ON t.key = 'withhold:' || c.id
                                                                     || ':' || aside.number + 1)
                                        SELECT max(at) FROM aside), c.opened_at) AS at) taken ON true
                  WHERE c.account = acc.account AND c.kind IN ('withdrawal', 'claim')
                    AND c.id IS DISTINCT FROM CAST(:case_id AS uuid) AND taken.minor > 0),
                '[]') AS payouts,
       (SELECT max(a.deadline_at) FROM activation a
         WHERE a.account = acc.account AND NOT a.settled
           -- No window is longer than a day: what is older cannot be running.
           AND a.rented_at > CAST(:now AS timestamptz) - interval '2 days') AS open_order_window_end,
       -- What cases gave back has the house as its source, what was bought has it as the end. It is
       -- counted over all that the account ever did, so only where the policy asks.
       CASE WHEN CAST(:spent AS boolean) THEN coalesce((SELECT sum(CASE 'house:revenue' WHEN t.destination THEN t.amount_minor
                                                 WHEN t.source THEN -t.amount_minor ELSE 0 END)
                   FROM transfer t
                  WHERE t.account = acc.account
                    AND split_part(t.key, ':', 1) IN ('capture', 'carried', 'rental', 'prolong', 'claim')), 0)::bigint
            END AS spent_minor,
       EXISTS (SELECT FROM case_ c WHERE c.account = acc.account AND c.kind = 'withdrawal'
                  AND c.closed_at IS NULL AND c.id IS DISTINCT FROM CAST(:case_id AS uuid))
         AS withdrawal_open,
       coalesce((SELECT jsonb_agg(jsonb_build_array(extract(epoch FROM c.opened_at) * 1000000,
                                                    c.state) ORDER BY c.opened_at, c.id)
                   FROM case_ c WHERE c.account = acc.account AND c.kind = 'withdrawal'
                    AND c.id IS DISTINCT FROM CAST(:case_id AS uuid)),
                '[]') AS withdrawals
  FROM account acc WHERE acc.account = :account

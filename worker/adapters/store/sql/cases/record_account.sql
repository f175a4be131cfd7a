-- What every question about an account's order or case is asked with, in one row: its balances are
-- locked, so nothing that moves money of it changes this meanwhile.
SELECT acc.account, acc.currency, acc.policy, acc.state,
       (SELECT amount_minor FROM balance b WHERE b.account = acc.account AND bucket = 'available')
         AS balance_minor,
       (SELECT amount_minor FROM balance b WHERE b.account = acc.account AND bucket = 'held')
         AS held_minor,
       {{idle_since}} AS idle_since, {{case_is_open}} AS case_open,
       coalesce((SELECT jsonb_agg(jsonb_build_array(c.facts ->> 'event', c.state)
                                  ORDER BY c.opened_at, c.id)
                   FROM case_ c WHERE c.account = acc.account AND c.kind = 'account'
                    AND c.id IS DISTINCT FROM CAST(:case_id AS uuid)),
                '[]') AS events,
       ARRAY(SELECT flag FROM account_finding f
              WHERE f.account = acc.account AND f.ended_at IS NULL) AS findings,
       -- How often each was taken back: found anew, it is not what somebody saw before.
       coalesce((SELECT jsonb_object_agg(flag, times)
                   FROM (SELECT flag, count(*) AS times FROM account_finding f
                          WHERE f.account = acc.account AND f.ended_at IS NOT NULL
                          GROUP BY flag) ended),
                '{}') AS findings_ended
  FROM account acc WHERE acc.account = :account

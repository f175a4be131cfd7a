-- The next accounts by name, those without a date for their idle balance with what one is reckoned
-- from, and the dated ones where they are asked for. A page is a number of accounts of any sort, so
-- that none costs a long statement.
WITH page AS (
    SELECT acc.account, acc.policy, acc.state, acc.opened_at, i.months
      FROM account acc LEFT JOIN account_idle i USING (account)
     WHERE acc.account > coalesce(CAST(:after AS text), '')
     ORDER BY acc.account LIMIT :limit
),
reach AS (SELECT CASE WHEN count(*) = :limit THEN max(account) END AS up_to FROM page)
SELECT reach.up_to, acc.account, acc.policy, acc.state, acc.months,
       {{idle_since}} AS idle_since, false AS case_open, 0::bigint AS available_minor
  FROM reach LEFT JOIN page acc ON (acc.months IS NULL OR CAST(:dated AS boolean))
                               AND acc.policy IS NOT NULL AND acc.state <> 'deleted'

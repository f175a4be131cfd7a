-- The account that a date for its idle balance is about, with what it is reckoned from.
SELECT acc.account, acc.policy, acc.state, {{idle_since}} AS idle_since,
       {{case_is_open}} AS case_open, i.months,
       (SELECT amount_minor FROM balance b WHERE b.account = acc.account AND bucket = 'available')
         AS available_minor
  FROM account_idle i JOIN account acc USING (account)
 WHERE i.subject = CAST(:subject AS uuid)

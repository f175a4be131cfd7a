-- One account with its two balances, in one row.
SELECT a.account, a.currency, a.state, coalesce(a.policy, {{oldest_policy}}) AS policy,
       (SELECT amount_minor FROM balance b WHERE b.account = a.account AND b.bucket = 'available')
         AS available_minor,
       (SELECT amount_minor FROM balance b WHERE b.account = a.account AND b.bucket = 'held')
         AS held_minor
  FROM account a WHERE a.account = :account

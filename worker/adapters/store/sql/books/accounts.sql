-- Accounts with their two balances, by name, page by page.
SELECT a.account, a.currency, a.state, coalesce(a.policy, {{oldest_policy}}) AS policy, available.amount_minor AS available_minor,
       held.amount_minor AS held_minor
  FROM account a
  JOIN balance available ON available.account = a.account AND available.bucket = 'available'
  JOIN balance held ON held.account = a.account AND held.bucket = 'held'
 WHERE a.account > coalesce(CAST(:after AS text), '')
 ORDER BY a.account LIMIT :limit

-- Since when nothing moved an account's money. A top-up that was paid before the account was opened
-- here is no sign that its customer has been away.
greatest(acc.opened_at, (SELECT t.at FROM transfer t WHERE t.account = acc.account
                          ORDER BY t.id DESC LIMIT 1))

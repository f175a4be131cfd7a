-- Since when nothing moved an account's money. What counts of an entry is when it was booked: one
-- that is dated back, or was paid before the account was opened here, is no sign that its customer
-- has been away. Of entries that do not tell it, the latest date counts, of the newest ones: an
-- account may have a million.
greatest(acc.opened_at,
         (SELECT CASE WHEN t.booked_at IS NOT NULL THEN greatest(t.at, t.booked_at)
                      ELSE (SELECT max(o.at)
                              FROM (SELECT at FROM transfer WHERE account = acc.account
                                     ORDER BY id DESC LIMIT 1000) o) END
            FROM transfer t WHERE t.account = acc.account ORDER BY t.id DESC LIMIT 1))

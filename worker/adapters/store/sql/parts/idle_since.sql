-- Since when an account's money lies idle: nothing moved it, its customer could, and the policy said
-- what follows.
--
-- What counts of an entry is when it was booked: one that is dated back, or was paid before the
-- account was opened here, is no sign that its customer has been away. Of entries that do not tell
-- it, the latest date counts, of the newest ones: an account may have a million. While it was
-- blocked, frozen or closing, its customer could not move anything: what ended that counts, too.
greatest(acc.opened_at,
         (SELECT i.since FROM account_idle i WHERE i.account = acc.account),
         (SELECT max(d.at) FROM case_ c JOIN decision d ON d.subject = c.id
           WHERE c.account = acc.account AND c.kind = 'account' AND c.closed_at IS NOT NULL
             AND (c.facts ->> 'event' IN ('law_enforcement_unblock', 'rules_unblock',
                                          'delete_withdrawn')
                  OR (c.facts ->> 'event' <> 'idle' AND c.state IN ('denied', 'cancelled')))),
         (SELECT CASE WHEN t.booked_at IS NOT NULL THEN greatest(t.at, t.booked_at)
                      ELSE (SELECT max(o.at)
                              FROM (SELECT at FROM transfer WHERE account = acc.account
                                     ORDER BY id DESC LIMIT 1000) o) END
            FROM transfer t WHERE t.account = acc.account ORDER BY t.id DESC LIMIT 1),
         -- Of what was dropped since: when it was booked last.
         (SELECT max(o.moved_at) FROM book_opening o WHERE o.account = acc.account))

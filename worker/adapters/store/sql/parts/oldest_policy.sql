-- The policy of an account's oldest order: that of accounts which were opened before they had one.
(SELECT o.policy FROM (
     (SELECT n.rented_at, n.policy FROM activation n WHERE n.account = a.account
       ORDER BY n.rented_at, n.id LIMIT 1)
     UNION ALL
     (SELECT r.rented_at, r.policy FROM rental r WHERE r.account = a.account
       ORDER BY r.rented_at LIMIT 1)) o
  ORDER BY o.rented_at LIMIT 1)

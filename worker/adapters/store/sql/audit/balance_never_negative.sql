-- No balance was ever below zero, at no point of its account's history.
-- An account's transfers are numbered in commit order, because its balances are locked first.
WITH running AS (
    SELECT account,
           sum(CASE 'available:' || account WHEN destination THEN amount_minor
                                            WHEN source THEN -amount_minor ELSE 0 END)
             OVER history AS available,
           sum(CASE 'held:' || account WHEN destination THEN amount_minor
                                       WHEN source THEN -amount_minor ELSE 0 END)
             OVER history AS held
      FROM transfer WINDOW history AS (PARTITION BY account ORDER BY id)
)
SELECT DISTINCT account AS offender FROM running WHERE available < 0 OR held < 0

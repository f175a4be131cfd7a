-- Every transfer moves what its kind says, between its account's places, in the account's currency.
SELECT t.key AS offender
  FROM transfer t LEFT JOIN account a USING (account)
 WHERE a.currency IS DISTINCT FROM t.currency
    OR NOT CASE split_part(t.key, ':', 1)
           WHEN 'topup' THEN t.source = 'house:outside' AND t.destination = 'available:' || t.account
                             AND t.activation_id IS NULL AND t.amount_minor > 0
           WHEN 'hold' THEN t.key = 'hold:' || coalesce(t.activation_id::text, '')
                            AND t.source IN ('available:' || t.account, 'house:outside')
                            AND t.destination = 'held:' || t.account
           WHEN 'capture' THEN t.key = 'capture:' || coalesce(t.activation_id::text, '')
                               AND t.source = 'held:' || t.account
                               AND t.destination = 'house:revenue'
           WHEN 'release' THEN t.key = 'release:' || coalesce(t.activation_id::text, '')
                               AND t.source = 'held:' || t.account
                               AND t.destination IN ('available:' || t.account, 'house:outside')
           WHEN 'claim' THEN t.source = 'house:revenue'
                             AND t.destination IN ('available:' || t.account, 'house:outside')
           WHEN 'renthold' THEN t.source IN ('available:' || t.account, 'house:outside')
                                AND t.destination = 'held:' || t.account
           WHEN 'rentback' THEN t.source = 'held:' || t.account
                                AND t.destination IN ('available:' || t.account, 'house:outside')
           WHEN 'prolong' THEN t.source = 'held:' || t.account AND t.destination = 'house:revenue'
           WHEN 'rental' THEN t.source IN ('available:' || t.account, 'held:' || t.account,
                                           'house:outside')
                              AND t.destination = 'house:revenue' AND t.activation_id IS NULL
           WHEN 'withhold' THEN t.source = 'available:' || t.account
                                AND t.destination = 'held:' || t.account
           WHEN 'giveback' THEN t.source = 'held:' || t.account
                                AND t.destination = 'available:' || t.account
           WHEN 'excess' THEN t.source = 'held:' || t.account
                              AND t.destination = 'available:' || t.account
           WHEN 'withdraw' THEN t.source IN ('held:' || t.account, 'available:' || t.account)
                                AND t.destination = 'house:outside'
           WHEN 'fee' THEN t.source = 'held:' || t.account AND t.destination = 'house:revenue'
           -- What a closed period took, in one entry for all its captures.
           WHEN 'carried' THEN t.source IN ('available:' || t.account, 'house:outside')
                               AND t.destination = 'house:revenue' AND t.activation_id IS NULL
           WHEN 'void' THEN t.source = 'available:' || t.account
                            AND t.destination = 'house:revenue'
           ELSE false END

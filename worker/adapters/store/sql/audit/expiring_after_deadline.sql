-- No number was given up before its deadline, unless Cancel was pressed or the provider ended it.
SELECT a.id::text AS offender
  FROM timeline t JOIN activation a ON a.id = t.activation_id
 WHERE t.what = 'expiring' AND t.at <= a.deadline_at
   AND coalesce(t.detail ->> 'reason', 'timeout') NOT IN ('cancel', 'provider')

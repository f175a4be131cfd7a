-- A settled number, or one in review, whose provider is still owed a call is due for it.
SELECT id::text AS offender
  FROM activation
 WHERE (settled OR state = 'in_review') AND pursue_at IS NULL
   AND provider_state IN ('open', 'cancelling', 'finishing')

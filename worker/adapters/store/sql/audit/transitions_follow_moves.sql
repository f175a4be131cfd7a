-- What happened to a number is a path through its life, from waiting to where it is now.
-- An order that found no number was never live: its log is its ending. A dropped log was exported.
WITH steps AS (
    SELECT activation_id, seq, state, what,
           lag(state) OVER history AS before,
           lead(state) OVER history AS after
      FROM timeline WINDOW history AS (PARTITION BY activation_id ORDER BY seq)
),
moves AS (
    SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:targets AS text[])) AS m(source, target)
)
SELECT DISTINCT coalesce(a.id, s.activation_id)::text AS offender
  FROM activation a FULL JOIN steps s ON s.activation_id = a.id
 WHERE NOT EXISTS (SELECT FROM dropped_number d
                    WHERE d.activation_id = coalesce(a.id, s.activation_id))
   AND (s.activation_id IS NULL
    OR s.before IS NULL AND s.state <> 'waiting'
       AND NOT (s.what = 'never_provided' AND s.state = 'refunded')
    OR s.after IS NULL AND a.state IS NOT NULL AND s.state <> a.state
    OR s.before <> s.state
       AND NOT EXISTS (SELECT FROM moves m WHERE m.source = s.before AND m.target = s.state))

-- The Cancel button (E3): a waiting number becomes expiring, the first reason stays; anything else
-- answers as it is. Due at once, or when the provider first allows a cancel. Many at a time: a commit
-- each would keep thousands who press at once waiting for half a minute. A number that somebody
-- else has locked is left out, so that it costs the others nothing: it is locked alone first.
--
-- What the policy says of Cancel was fixed at intake: outside its time a press changes nothing. One
-- that asks more than that is left alone, until `:judged` says that it was asked.
--
-- Each press is kept with its instant: the first one as the ending that it begins, every other one
-- with the state it found. Limits and claims rest on them; a refused one is no press for them, and
-- only the first with its reason is kept. Of the others the first ten in each state: a customer who
-- presses on, or a program that does, must not fill the log, which nobody can delete from.
WITH found AS MATERIALIZED (
    SELECT id, state, provider, cancel_not_before,
           CASE WHEN state <> 'waiting' OR CAST(:judged AS boolean) THEN NULL
                WHEN cancel_judged THEN 'judged'
                WHEN NOT cancel_offered THEN 'no-cancel'
                WHEN {{now}} < cancel_from_at THEN 'cancel-not-yet'
                WHEN {{now}} > cancel_until_at THEN 'cancel-over'
           END AS refused
      FROM activation
     WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
),
pressed AS (
    UPDATE activation a
       SET state = 'expiring', reason = 'cancel', version = version + 1,
           cancel_decision = CAST(:decision AS text),
           ending_at = least(a.ending_at, {{now}}),
           -- Never later than the deadline: what the provider still refuses then, the grace ends.
           lease_until = least(a.cancel_not_before, a.ending_at)
      FROM found WHERE a.id = found.id AND a.state = 'waiting' AND found.refused IS NULL
    RETURNING a.id
),
logged AS (
    INSERT INTO transition (activation_id, at, what, state, detail)
    SELECT found.id, {{now}},
           CASE WHEN found.refused IS NOT NULL THEN 'cancel_refused'
                WHEN pressed.id IS NULL THEN 'cancel_pressed' ELSE 'expiring' END,
           CASE WHEN pressed.id IS NULL THEN found.state ELSE 'expiring' END,
           CASE WHEN found.refused IS NOT NULL THEN jsonb_build_object('why', found.refused)
                WHEN pressed.id IS NOT NULL THEN jsonb_build_object('reason', 'cancel') END
      FROM found LEFT JOIN pressed USING (id)
     WHERE found.refused IS DISTINCT FROM 'judged'
       AND NOT EXISTS (SELECT FROM transition t
                        WHERE t.activation_id = found.id AND t.what = 'cancel_refused'
                          AND t.detail ->> 'why' = found.refused)
       AND (pressed.id IS NOT NULL
            OR 10 > (SELECT count(*) FROM transition t
                      WHERE t.activation_id = found.id AND t.what = 'cancel_pressed'
                        AND t.state = found.state))
)
SELECT id, state, provider,
       CASE WHEN cancel_not_before > {{now}}
            THEN cancel_not_before END AS not_before, refused
  FROM found

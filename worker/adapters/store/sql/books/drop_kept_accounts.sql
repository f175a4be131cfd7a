-- Accounts of which a drop leaves everything: something may yet be asked of how their balance moved.
--
-- That is so while a case or a rental of theirs is open, and while a claim may come about one of their
-- orders of that time: what is left of a credit is counted over all entries since. `names`, `versions`
-- and `befores` are the policies under which claims end, with the newest order about which none comes.
WITH over AS (
    SELECT * FROM unnest(CAST(:names AS text[]), CAST(:versions AS text[]),
                         CAST(:befores AS timestamptz[])) AS t(policy, policy_version, before)
)
SELECT asked.account FROM unnest(CAST(:accounts AS text[])) AS asked(account)
 WHERE EXISTS (SELECT FROM case_ c WHERE c.account = asked.account AND c.closed_at IS NULL)
    OR EXISTS (SELECT FROM rental r LEFT JOIN over USING (policy, policy_version)
                WHERE r.account = asked.account AND r.rented_at < :until
                  AND (r.ended_at IS NULL OR coalesce(r.ended_at > over.before, true)))
    OR EXISTS (SELECT FROM activation a LEFT JOIN over USING (policy, policy_version)
                WHERE a.account = asked.account AND a.rented_at < :until
                  AND coalesce(a.rented_at > over.before, true))

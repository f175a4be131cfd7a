-- Open a case; one that is there stays as it is, and the caller finds that none was made.
-- The key of the call says which case it opened, or found as it would open it: its answer may be lost.
WITH made AS (
    INSERT INTO case_ (id, kind, subject, activation_id, rental_id, account, content_hash, state, facts,
                       policy, policy_version, opened_at)
    VALUES (CAST(:id AS uuid), :kind, :subject, CAST(:activation AS uuid), CAST(:rental AS uuid),
            :account, :content_hash, 'waiting', CAST(:facts AS jsonb), :policy, :policy_version,
            CAST(:now AS timestamptz))
    ON CONFLICT DO NOTHING
    RETURNING id
),
keyed AS (
    UPDATE answer SET case_id = CAST(:id AS uuid)
     WHERE key = CAST(:call_key AS text)
       AND (EXISTS (SELECT FROM made)
            OR EXISTS (SELECT FROM case_ WHERE id = CAST(:id AS uuid) AND content_hash = :content_hash))
)
SELECT id FROM made

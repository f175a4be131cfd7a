-- Open a case; one that is there stays as it is, and the caller finds that none was made.
INSERT INTO case_ (id, kind, subject, activation_id, rental_id, account, content_hash, state, facts,
                   policy, policy_version, opened_at)
VALUES (CAST(:id AS uuid), :kind, :subject, CAST(:activation AS uuid), CAST(:rental AS uuid),
        :account, :content_hash, 'waiting', CAST(:facts AS jsonb), :policy, :policy_version,
        CAST(:now AS timestamptz))
ON CONFLICT DO NOTHING
RETURNING id

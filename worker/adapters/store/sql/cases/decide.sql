-- Keep a decision with all it rests on, so that it can be made again and explained.
INSERT INTO decision (subject, at, op, facts, policy, policy_version, clauses, outcome, reason,
                      amount_minor, fee_minor, destination, deadline, as_of, by)
VALUES (CAST(:subject AS uuid), CAST(:now AS timestamptz), :op, CAST(:facts AS jsonb), :policy,
        :policy_version, CAST(:clauses AS text[]), :outcome, :reason, CAST(:amount AS bigint),
        CAST(:fee AS bigint), CAST(:destination AS text), CAST(:deadline AS timestamptz),
        CAST(:as_of AS timestamptz), :by)

-- The oldest order of unknown outcome that a number somebody found may be: its hold pays for it.
-- What the booking does not tell is as ordered; one that tells it otherwise is another order's.
SELECT o.id, o.policy, o.policy_version,
       coalesce(o.order_ref, CAST(:order_ref AS text)) AS order_ref,
       coalesce(o.order_facts, CAST(:order_facts AS jsonb)) AS order_facts, told.differs
  FROM rental_order o,
       LATERAL (SELECT coalesce(o.order_ref <> CAST(:order_ref AS text), false)
                    OR coalesce(o.order_facts <> CAST(:order_facts AS jsonb), false)
                    OR coalesce(o.policy <> CAST(:policy_told AS text), false) AS differs) told
 WHERE o.account = :account AND o.provider = :provider AND o.service = :service
   AND o.country = :country AND o.price_minor = CAST(:price AS bigint) AND o.charge = :charge
   AND o.kind = 'rent' AND o.state = 'unknown' AND o.ended_at IS NULL
 ORDER BY told.differs, o.order_ref IS DISTINCT FROM CAST(:order_ref AS text), o.asked_at LIMIT 1

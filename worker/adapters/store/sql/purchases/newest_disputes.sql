-- What a provider and our books say differently of single numbers, newest first, a few.
SELECT d.activation_id, a.provider_ref, d.held, d.says, d.amount_minor, d.currency, d.opened_at
  FROM provider_dispute d JOIN activation a ON a.id = d.activation_id
 WHERE d.provider = :provider AND d.ended_at IS NULL
 ORDER BY d.opened_at DESC, d.activation_id LIMIT :most

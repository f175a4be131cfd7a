-- The numbers that live under these refs of one provider.
SELECT id, ref AS provider_ref, rented_at, deadline_at
  FROM live JOIN activation USING (id)
 WHERE at_provider = :provider AND ref = ANY(CAST(:refs AS text[])) AND NOT settled

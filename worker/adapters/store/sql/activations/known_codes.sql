-- The hashes of the codes already kept; read after the rows are locked, so nobody adds one between.
-- A code of an earlier rental of the same ref is known, too: a stale list must not show it to the
-- customer who has the ref now.
SELECT a.id AS activation_id, c.hash
  FROM activation a
  JOIN activation earlier USING (provider, provider_ref)
  JOIN code c ON c.activation_id = earlier.id
 WHERE a.id = ANY(CAST(:ids AS uuid[]))

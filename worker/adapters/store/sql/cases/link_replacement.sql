-- One price, one number: the order that a claim replaced, and by which number or rental.
-- A second replacement of one order, or the same number for two, links nothing.
INSERT INTO replacement (case_id, replaced, activation_id, rental_id, linked_at, by)
SELECT CAST(:id AS uuid), CAST(:old AS uuid),
       (SELECT a.id FROM activation a WHERE a.id = CAST(:new AS uuid)),
       (SELECT r.id FROM rental r WHERE r.id = CAST(:new AS uuid)),
       CAST(:now AS timestamptz), CAST(:by AS text)
    ON CONFLICT DO NOTHING
RETURNING case_id

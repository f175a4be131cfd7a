-- A purchase whose outcome was unknown turned out to be bought: its activation gets its number.
WITH found AS (
    UPDATE activation
       SET provider_ref = :ref, phone = :phone, cost_minor = CAST(:cost AS bigint),
           cost_currency = CAST(:cost_currency AS text), version = version + 1
     WHERE id = CAST(:id AS uuid) AND provider_ref IS NULL AND NOT settled
    RETURNING id, state
),
known AS (
    UPDATE purchase SET state = 'rented' FROM found WHERE purchase.id = found.id
)
INSERT INTO transition (activation_id, what, state) SELECT id, 'adopted', state FROM found

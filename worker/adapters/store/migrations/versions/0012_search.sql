-- What support looks for: phones by their last digits, ends of ids, services, lists of rentals.
--
-- Everything is additive. Numbers are not written to while their three indexes are built: a second
-- or two for each million. None holds a column that changes, so leases and codes stay HOT.

-- Turned round, the last digits come first, with or without a plus at the other end.
CREATE INDEX activation_phone ON activation (reverse(phone) text_pattern_ops);
CREATE INDEX activation_id_tail ON activation (right(CAST(id AS text), 8));
-- One that many numbers share is read newest first from activation_newest instead.
CREATE INDEX activation_of_service ON activation (service, country, rented_at);

CREATE INDEX rental_newest ON rental (rented_at, id);
CREATE INDEX IF NOT EXISTS rental_of_account ON rental (account, rented_at, id)

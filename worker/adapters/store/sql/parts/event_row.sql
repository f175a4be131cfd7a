-- What `outbox.stored` reads of an event.
seq, subject, type, number, at, activation_id, payload, attempts, state, reply_at, reply_status

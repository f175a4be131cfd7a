-- What `outbox.stored` reads of an event.
seq, subject, type, number, at, activation_id, attempts, state, reply_at, reply_status

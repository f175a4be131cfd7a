-- Events of any state, newest first, page by page, for people.
SELECT seq, subject, type, number, at, activation_id, payload, attempts FROM event
 WHERE seq < coalesce(CAST(:before AS bigint), 9223372036854775807)
 ORDER BY seq DESC LIMIT :limit

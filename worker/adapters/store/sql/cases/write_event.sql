-- Tell the outside what became of a case, in the transaction that made it so.
--
-- Its number counts those of its kind before it. Of an old case these may be forgotten, and a number
-- that is given again would be dropped by receivers: there it is the version of the case, which has
-- grown with each event, so it is greater than all that were given.
INSERT INTO event (subject, type, number, activation_id, account, at, payload, state)
SELECT :subject, :type,
       greatest(
           1 + coalesce((SELECT max(number) FROM event WHERE subject = :subject AND type = :type), 0),
           (SELECT c.version FROM case_ c JOIN retention_mark m ON m.what = 'event'
             WHERE c.id = CAST(CAST(:subject AS text) AS uuid) AND c.opened_at <= m.before)),
       CAST(:activation AS uuid), :account, CAST(:now AS timestamptz), CAST(:payload AS jsonb),
       :event_state

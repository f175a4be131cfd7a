-- These events reached the endpoint; whoever else sent them too changes nothing.
UPDATE event e SET state = 'sent', reply_at = {{now}}, reply_status = asked.status
  FROM unnest(CAST(:subjects AS text[]), CAST(:types AS text[]), CAST(:numbers AS integer[]),
              CAST(:statuses AS smallint[])) AS asked(subject, type, number, status)
 WHERE e.subject = asked.subject AND e.type = asked.type AND e.number = asked.number
   AND e.state = 'pending'

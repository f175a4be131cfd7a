-- These events reached the endpoint; whoever else sent them too changes nothing.
UPDATE event e SET state = 'sent'
  FROM unnest(CAST(:subjects AS text[]), CAST(:types AS text[]), CAST(:numbers AS integer[]))
       AS asked(subject, type, number)
 WHERE e.subject = asked.subject AND e.type = asked.type AND e.number = asked.number
   AND e.state = 'pending'

-- An operator wants these sent again, from the first attempt on.
UPDATE event e SET state = 'pending', attempts = 0, next_at = '-infinity'
  FROM unnest(CAST(:subjects AS text[]), CAST(:types AS text[]), CAST(:numbers AS integer[]))
       AS asked(subject, type, number)
 WHERE e.subject = asked.subject AND e.type = asked.type AND e.number = asked.number
   AND e.state IN ('sent', 'dead')

-- Whether an event is one of those asked for; what is NULL is folded away before planning.
(CAST(:type AS text) IS NULL OR type = :type)
   AND (CAST(:state AS text) IS NULL OR state = :state)
   AND (CAST(:subjects AS text[]) IS NULL OR subject = ANY (CAST(:subjects AS text[])))

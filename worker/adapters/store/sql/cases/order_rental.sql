-- The rental a case is about, locked against other cases about it.
{{order_of_rental}} FOR NO KEY UPDATE OF r

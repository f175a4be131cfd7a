-- The order a case is about, locked against its settlement.
{{order_of_activation}} FOR NO KEY UPDATE OF a

-- The rental a case is about, for who only looks: no other case has to wait.
{{order_of_rental}}

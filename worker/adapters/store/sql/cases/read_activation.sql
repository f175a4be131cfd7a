-- The order a case is about, for who only looks: nobody is kept from settling it.
{{order_of_activation}}

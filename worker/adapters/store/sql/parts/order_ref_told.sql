-- The shop's own id of an order, in the data of an event: only where it gave one.
jsonb_strip_nulls(jsonb_build_object('order_ref', order_ref))

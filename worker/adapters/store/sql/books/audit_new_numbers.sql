-- The numbers of which something was written between two marks; each change of one writes a row here.
SELECT ARRAY(
    SELECT activation_id FROM transition WHERE seq > :transition_seq AND seq <= :transition_seq_to
    UNION
    SELECT activation_id FROM transfer
     WHERE id > :transfer_id AND id <= :transfer_id_to AND activation_id IS NOT NULL
    UNION
    SELECT activation_id FROM event
     WHERE seq > :event_seq AND seq <= :event_seq_to AND activation_id IS NOT NULL
)

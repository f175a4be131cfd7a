-- What the files of a period must add up to: rows of each book, and money by kind of transfer.
SELECT CAST((SELECT coalesce(jsonb_object_agg(kind, jsonb_build_array(n, minor)), '{}')
          FROM (SELECT split_part(key, ':', 1) AS kind, count(*) AS n, sum(amount_minor) AS minor
                  FROM transfer WHERE id > :after_transfer_id AND id <= :transfer_id
                 GROUP BY 1) k) AS text) AS transfer,
       (SELECT CAST(jsonb_build_array(count(*), coalesce(sum(seq), 0)) AS text) FROM timeline
         WHERE seq > :after_transition_seq AND seq <= :transition_seq) AS transition,
       (SELECT CAST(jsonb_build_array(count(*), coalesce(sum(seq), 0)) AS text) FROM decision
         WHERE seq > :after_decision_seq AND seq <= :decision_seq) AS decision,
       (SELECT CAST(jsonb_build_array(count(*), coalesce(sum(seq), 0)) AS text) FROM evidence
         WHERE seq > :after_evidence_seq AND seq <= :evidence_seq) AS evidence,
       (SELECT CAST(jsonb_build_array(count(*), coalesce(sum(amount_minor), 0)) AS text)
          FROM settlement WHERE at >= :after AND at < :until) AS settlement,
       (SELECT CAST(jsonb_build_array(count(*), coalesce(sum(available_minor + held_minor), 0)) AS text)
          FROM book_opening WHERE period = :id) AS opening

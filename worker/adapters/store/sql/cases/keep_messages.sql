-- Keep what a provider lists of a rental; what is kept already stays as it was first seen.
INSERT INTO rental_message (rental_id, content_hash, code, text, received_at, seen_at)
SELECT CAST(:rental AS uuid), m.content_hash, m.code, m.text, m.received_at, {{now}}
  FROM unnest(CAST(:hashes AS text[]), CAST(:codes AS text[]), CAST(:texts AS text[]),
              CAST(:received AS timestamptz[])) AS m(content_hash, code, text, received_at)
    ON CONFLICT DO NOTHING

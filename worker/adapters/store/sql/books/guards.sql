-- What keeps this role from rewriting the books: no right to, a trigger, both, or nothing.
SELECT bool_and(NOT has_table_privilege(book, 'UPDATE') AND NOT has_table_privilege(book, 'DELETE')
                AND NOT has_table_privilege(book, 'TRUNCATE')) AS by_grant,
       bool_and(EXISTS (SELECT FROM pg_trigger
                         WHERE tgrelid = book AND tgname = relname || '_append_only'
                           AND tgenabled IN ('O', 'A'))
                -- Of these two a drop may delete what was exported; a trigger lets nothing else go.
                AND (relname = 'settlement' OR EXISTS (SELECT FROM pg_trigger
                         WHERE tgrelid = book AND tgname = relname || '_keeps_rows'
                           AND tgenabled IN ('O', 'A')))) AS by_trigger
  FROM (SELECT oid::regclass AS book, relname FROM pg_class
         WHERE oid = ANY (ARRAY['transfer', 'settlement', 'transition']::regclass[])) AS books

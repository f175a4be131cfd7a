-- What keeps this role from rewriting the books: no right to, a trigger, both, or nothing.
-- Lines are read from numbers, too, which change: there only triggers keep what is told.
SELECT bool_and(NOT has_table_privilege(book, 'UPDATE') AND NOT has_table_privilege(book, 'DELETE')
                AND NOT has_table_privilege(book, 'TRUNCATE')) AS by_grant,
       bool_and(EXISTS (SELECT FROM pg_trigger
                         WHERE tgrelid = book AND tgname = relname || '_append_only'
                           AND tgenabled IN ('O', 'A'))
                -- Of these two a drop may delete what was exported; a trigger lets nothing else go.
                AND (relname = 'settlement' OR EXISTS (SELECT FROM pg_trigger
                         WHERE tgrelid = book AND tgname = relname || '_keeps_rows'
                           AND tgenabled IN ('O', 'A'))))
       AND (SELECT count(*) FROM pg_trigger
             WHERE tgrelid = CAST('activation' AS regclass) AND tgenabled IN ('O', 'A')
               AND tgname IN ('activation_append_only', 'activation_keeps_rows',
                              'activation_accepted_once', 'activation_expires_once',
                              'activation_keeps_terms', 'activation_keeps_ref')) = 6 AS by_trigger
  FROM (SELECT oid::regclass AS book, relname FROM pg_class
         WHERE oid = ANY (ARRAY['transfer', 'settlement', 'transition']::regclass[])) AS books

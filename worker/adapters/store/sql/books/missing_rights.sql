-- How many tables of whoever asks the worker's role may not read. All of them, where an administrator
-- made the role after the first migration, or a dump was restored where there was none.
SELECT count(*) FROM pg_class
 WHERE relnamespace = CAST('public' AS regnamespace) AND relkind = 'r'
   AND pg_has_role(relowner, 'USAGE')
   AND has_table_privilege(to_regrole(:role), oid, 'SELECT') IS NOT TRUE

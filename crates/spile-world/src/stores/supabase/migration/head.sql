-- spile's registry, version 6. For PostgreSQL 15 and later, run by the role that owns `public` (`postgres` on Supabase).
-- It can be run again, and over a table `integrations` that is already there, with ids of type text or uuid: where that does
-- not fit, it says all that is in the way and changes nothing. It holds no `begin`: `supabase db push` makes a file one
-- transaction, and so does `psql -1`.

set local lock_timeout = '5s';  -- an `alter table` that waits makes everybody behind it wait


-- spile's registry, version 6. For PostgreSQL 15 and later. Run it as the role that owns `public` (`postgres` on
-- Supabase). It can be run repeatedly, and also over an existing table `integrations` with ids of type text or uuid. If
-- that table does not fit, it reports every conflict and changes nothing. It contains no `begin`, because
-- `supabase db push` runs a file in one transaction, and so does `psql -1`.

set local lock_timeout = '5s';  -- an `alter table` that waits blocks everything behind it


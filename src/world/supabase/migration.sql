-- spile's registry, version 6. For PostgreSQL 15 and later, run by the role that owns `public` (`postgres` on Supabase).
-- It can be run again, and over a table `integrations` of its eight columns that is already there, with ids of type
-- text or uuid. It holds no `begin`: `supabase db push` makes a file one transaction, and so does `psql -1`.

set local lock_timeout = '5s';  -- an `alter table` that waits makes everybody behind it wait

-- Integrations ------------------------------------------------------------------------------------------------------

create table if not exists public.integrations (
  id         text        primary key,
  type       text        not null,
  name       text        not null,
  config     jsonb       not null default '{}',
  secrets    jsonb       not null default '{}',
  status     text        not null default 'pending',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
alter table public.integrations add column if not exists slug        text;
alter table public.integrations add column if not exists enabled     boolean not null default true;
alter table public.integrations add column if not exists managed_by  text;
alter table public.integrations add column if not exists environment text;

-- Generated, so that it is true whoever writes, needs no trigger, and can be granted as a column. Each field is quoted
-- as an SQL literal: no two rows give the same text. Doubled backslashes make the cast to bytea the identity.
alter table public.integrations add column if not exists content_hash text generated always as (
  encode(sha256(replace(
    quote_nullable(slug) || ',' || quote_nullable(type::text) || ',' || quote_nullable(name::text) || ',' ||
    quote_nullable(enabled::text) || ',' || quote_nullable(config::text) || ',' || quote_nullable(secrets::text),
    '\', '\\')::bytea), 'hex')
) stored;

-- A dashboard inserts without an id. A table that was there may have ids of its own kind, which are left to it.
do $$ begin
  if exists (select from pg_catalog.pg_attribute
              where attrelid = 'public.integrations'::regclass and attname = 'id' and not atthasdef
                and attidentity = '' and atttypid in ('text'::regtype, 'uuid'::regtype)) then
    alter table public.integrations alter column id set default gen_random_uuid();
  end if;
end $$;

comment on table public.integrations is 'Integrations. Those with managed_by are kept equal to files in git by spile.';
comment on column public.integrations.slug is 'The name of the file that declares it.';
comment on column public.integrations.secrets is 'Ciphertext only: {} or {"names": [...], "document": "<sops>"}.';
comment on column public.integrations.managed_by is 'The spile project that owns the row; null: nobody''s, never touched.';
comment on column public.integrations.environment is 'The environment of that project; null where managed_by is.';
comment on column public.integrations.content_hash is 'SHA-256 of what files declare: not of status, id, owner or times.';

create index if not exists integrations_owner_idx on public.integrations (managed_by, environment, id)
  where managed_by is not null;

do $$ begin
  if not exists (select from pg_catalog.pg_constraint
                  where conrelid = 'public.integrations'::regclass and conname = 'integrations_managed_check') then
    -- `not valid`: rows that are there already are not judged.
    alter table public.integrations add constraint integrations_managed_check check (
      managed_by is null
      or (managed_by <> '' and environment <> '' and slug <> '' and environment is not null and slug is not null
          and jsonb_typeof(config) = 'object' and jsonb_typeof(secrets) = 'object')) not valid;
  end if;
end $$;

-- `status` is not among the columns: a run does not make an integration newer.
create or replace function public.integrations_touch() returns trigger
language plpgsql security invoker set search_path = '' as $$
begin
  new.updated_at := now();
  return new;
end $$;
create or replace trigger integrations_touch
  before update of slug, type, name, enabled, config, secrets, managed_by, environment on public.integrations
  for each row execute function public.integrations_touch();

-- Runs --------------------------------------------------------------------------------------------------------------

-- No foreign key: history outlives its integration, and a run that was kept locally may arrive after it has gone.
create table if not exists public.integration_runs (
  id             uuid        primary key,
  managed_by     text,
  environment    text        not null,
  integration_id text        not null,
  slug           text        not null,
  kind           text        not null check (kind in ('test', 'sync')),
  status         text        not null check (status in ('running', 'ok', 'warning', 'failed', 'cancelled')),
  state_id       text,
  loader_id      text,
  started_at     timestamptz not null,
  finished_at    timestamptz,
  records        bigint      check (records >= 0),
  error          text,
  log            text        not null default '',
  check ((status = 'running') = (finished_at is null))
);
alter table public.integration_runs add column if not exists streams         jsonb   not null default '{}';
alter table public.integration_runs add column if not exists cause           text;
alter table public.integration_runs add column if not exists attempts        integer not null default 1;
alter table public.integration_runs add column if not exists full_refresh    boolean not null default false;
alter table public.integration_runs add column if not exists bookmark_before jsonb;
alter table public.integration_runs add column if not exists bookmark_after  jsonb;
alter table public.integration_runs add column if not exists scheduled_for   timestamptz;
alter table public.integration_runs add column if not exists host            text;
alter table public.integration_runs add column if not exists details         jsonb   not null default '{}';
do $$ begin
  -- Before version 6 no run succeeded with a warning. The other words are the same, so no row has to be judged again.
  if not exists (select from pg_catalog.pg_constraint
                  where conrelid = 'public.integration_runs'::regclass and conname = 'integration_runs_status_check'
                    and pg_catalog.pg_get_constraintdef(oid) like '%warning%') then
    alter table public.integration_runs drop constraint if exists integration_runs_status_check;
    alter table public.integration_runs add constraint integration_runs_status_check
      check (status in ('running', 'ok', 'warning', 'failed', 'cancelled')) not valid;
  end if;
end $$;
create index if not exists integration_runs_newest on public.integration_runs (environment, started_at desc);
create index if not exists integration_runs_newest_of
  on public.integration_runs (environment, integration_id, started_at desc);
create index if not exists integration_runs_scheduled
  on public.integration_runs (environment, integration_id, scheduled_for desc) where scheduled_for is not null;
comment on table public.integration_runs is 'Tests and syncs. `log` is the path of the log where it ran.';

-- A run that has ended has ended: its beginning may arrive late, from a machine that could not send it then.
create or replace function public.integration_runs_end() returns trigger
language plpgsql security invoker set search_path = '' as $$
begin
  if old.status <> 'running' and new.status = 'running' then
    return null;
  end if;
  return new;
end $$;
create or replace trigger integration_runs_end
  before update on public.integration_runs
  for each row execute function public.integration_runs_end();

-- Leases: of several machines one at a time syncs an integration. A lease that its holder does not renew ends by itself.
create table if not exists public.integration_leases (
  managed_by     text        not null,
  environment    text        not null,
  integration_id text        not null,
  run            uuid        not null,
  host           text        not null,
  since          timestamptz not null,
  expires_at     timestamptz not null,
  primary key (managed_by, environment, integration_id)
);
comment on table public.integration_leases is 'Which run holds an integration now, and until when.';

-- Bookmarks: what Meltano keeps of each pipeline, so that every machine goes on where the last one stopped. A row is never
-- deleted: a bookmark that was cleared is null, and stays so whatever an old machine remembers.
create table if not exists public.integration_states (
  managed_by  text        not null,
  environment text        not null,
  state_id    text        not null,
  version     bigint      not null check (version > 0),
  state       text,
  run         uuid        not null,
  host        text        not null,
  updated_at  timestamptz not null default now(),
  primary key (managed_by, environment, state_id)
);
comment on table public.integration_states is 'The bookmarks of each pipeline, as Meltano keeps them, and which run left them.';
comment on column public.integration_states.state is 'JSON to the byte, {"completed": {}, "partial": {}}, as Meltano merges them; null: cleared.';

-- Alerts: what the channels of `[[notify]]` were told. One document for each, which is changed as a whole or not at all:
-- of several machines one claims a message.
create table if not exists public.integration_alerts (
  managed_by  text        not null,
  environment text        not null,
  channel     text        not null,
  version     bigint      not null check (version > 0),
  told        jsonb       not null,
  updated_at  timestamptz not null default now(),
  primary key (managed_by, environment, channel)
);
comment on table public.integration_alerts is 'What each channel was told, and what is being sent to it right now.';

-- History -----------------------------------------------------------------------------------------------------------

-- Append-only. Rows are kept as they were written, so that what others change can be told and what was can be brought
-- back; secrets in them are ciphertext, as in the table itself.

create table if not exists public.integration_applies (
  number      bigint      generated always as identity primary key,
  id          uuid        not null unique,
  plan        text        not null,
  managed_by  text        not null,
  environment text        not null,
  actor       text        not null,
  source_rev  text,
  file_sha256 text,
  at          timestamptz not null default now()
);
create index if not exists integration_applies_newest on public.integration_applies (managed_by, environment, number desc);
comment on table public.integration_applies is 'Every apply, also of a file alone. Append-only.';

create table if not exists public.integration_files (
  sha256 text primary key,
  text   text not null
);
comment on table public.integration_files is 'What meltano.yml was, by its SHA-256. Append-only.';


create table if not exists public.integration_changes (
  number         bigint      generated always as identity primary key,
  apply_id       uuid        not null,
  plan           text        not null,
  environment    text        not null,
  integration_id text        not null,
  op             text        not null check (op in ('create', 'update', 'delete', 'adopt', 'release')),
  managed_by     text        not null,
  before_hash    text,
  after_hash     text,
  actor          text        not null,
  source_rev     text,
  at             timestamptz not null default now()
);
alter table public.integration_changes add column if not exists after jsonb;
alter table public.integration_changes add column if not exists before jsonb;
do $$ begin
  if exists (select from pg_catalog.pg_constraint
              where conrelid = 'public.integration_changes'::regclass and conname = 'integration_changes_op_check'
                and pg_catalog.pg_get_constraintdef(oid) not like '%release%') then
    alter table public.integration_changes drop constraint integration_changes_op_check;
    alter table public.integration_changes add constraint integration_changes_op_check
      check (op in ('create', 'update', 'delete', 'adopt', 'release'));
  end if;
end $$;
create index if not exists integration_changes_apply_idx on public.integration_changes (apply_id);
create index if not exists integration_changes_newest_of
  on public.integration_changes (managed_by, environment, integration_id, number desc) include (after_hash);
comment on table public.integration_changes is 'Every change that spile has applied. Append-only.';
comment on column public.integration_changes.before is
  'What an adopted row held; where its secrets were not ciphertext, what took their place.';
comment on column public.integration_changes.after is 'What files declare of the row, as it was written; null: it was deleted.';

create or replace function public.integration_changes_stay() returns trigger
language plpgsql security invoker set search_path = '' as $$
begin
  raise exception '% is append-only', tg_table_name;
end $$;
create or replace trigger integration_changes_stay
  before update or delete or truncate on public.integration_changes
  for each statement execute function public.integration_changes_stay();
create or replace trigger integration_applies_stay
  before update or delete or truncate on public.integration_applies
  for each statement execute function public.integration_changes_stay();
create or replace trigger integration_files_stay
  before update or delete or truncate on public.integration_files
  for each statement execute function public.integration_changes_stay();

-- Reading -----------------------------------------------------------------------------------------------------------

-- Not `immutable`, though it is: Postgres would fold it into a plan, and not ask who calls it when the plan is used again.
create or replace function public.spile_version() returns integer
language sql stable security invoker set search_path = '' as 'select 6';
comment on function public.spile_version() is 'The version of spile''s tables and functions.';

-- The client builds the same text from what it has read: for each row, in the order of its id's bytes,
-- id ':' content_hash '\n'.
create or replace function public.spile_revision(managed_by text, environment text) returns text
language sql stable security invoker set search_path = '' as $$
  select encode(sha256(convert_to(coalesce(
           string_agg(i.id::text || ':' || i.content_hash || E'\n', '' order by i.id::text collate "C"), ''), 'UTF8')), 'hex')
    from public.integrations i
   where i.managed_by = spile_revision.managed_by and i.environment = spile_revision.environment
$$;
comment on function public.spile_revision(text, text) is 'SHA-256 over all rows of a project''s environment.';

-- The project that a planner's key names, in its claim `spile_project`; null where it names none.
create or replace function public.spile_planner_project() returns text
language sql stable security invoker set search_path = '' as $$
  select nullif(current_setting('request.jwt.claims', true), '')::jsonb->>'spile_project'
$$;
comment on function public.spile_planner_project() is 'The claim `spile_project` of the key that is used.';

-- Row level security leaves a planner nothing of another project: it would plan to create everything. It is told instead.
create or replace function public.spile_may_plan(project text) returns boolean
language plpgsql stable security invoker set search_path = '' as $$
begin
  if current_user = 'spile_planner' and public.spile_planner_project() is distinct from project then
    raise sqlstate 'PT403' using
      message = format('the planner''s key is for %s, and not for the project "%s"',
                       coalesce('the project "' || public.spile_planner_project() || '"', 'no project'), project),
      hint = 'sign a key whose claim `spile_project` is the name of the project';
  end if;
  return true;
end $$;
comment on function public.spile_may_plan(text) is 'PT403 for a planner''s key of another project, or of none.';

-- The rows that are not a project's, by name. A planner may not read these rows: its owner reads for it what a plan shows,
-- without the hash, which would confirm a guess of what is in a row.
create or replace function public.spile_others(project text) returns json
language sql stable security definer set search_path = '' as $$
  select coalesce(json_agg(json_build_object('id', i.id, 'name', i.name, 'managed_by', i.managed_by)
           order by i.id::text collate "C"), '[]')
    from public.integrations i
   where i.managed_by is distinct from project
$$;
comment on function public.spile_others(text) is 'What a plan shows of the rows that are not the project''s.';

-- One JSON value, not a set: PostgREST cuts sets at its max-rows, and long lists of ids break URLs. In plpgsql, for it
-- plans with the array's length: as a function in SQL, 10,000 ids took longer than the statement timeout.
create or replace function public.spile_rows(payload jsonb) returns jsonb
language plpgsql stable security invoker set search_path = '' set plan_cache_mode = force_custom_plan as $$
declare
  ids constant text[] := array(select jsonb_array_elements_text(payload->'ids'));
begin
  perform public.spile_may_plan(payload->>'managed_by');
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
             'id', i.id, 'slug', i.slug, 'type', i.type, 'name', i.name, 'enabled', i.enabled, 'config', i.config,
             'secrets', i.secrets, 'managed_by', i.managed_by, 'environment', i.environment,
             'content_hash', i.content_hash) order by i.id::text collate "C"), '[]')
      from public.integrations i
     where i.id::text = any(ids)
       and i.managed_by is not distinct from payload->>'managed_by'
       and i.environment is not distinct from payload->>'environment');
end $$;
comment on function public.spile_rows(jsonb) is 'The rows {"managed_by", "environment", "ids"} names, as one JSON array.';

-- All that a plan has to know, as one JSON value of one moment: the version, so that nobody has to ask for it apart; the
-- hashes of a project's rows by their ids, for who knows the hash knows the row; what others have done to them since they
-- were last applied; and the rows that are not the project's, by name.
create or replace function public.spile_state(payload jsonb) returns json
language sql stable security invoker set search_path = '' as $$
  with applied as (
    select distinct on (c.integration_id) c.integration_id as id, c.after_hash as hash, c.number
      from public.integration_changes c
     where c.managed_by = payload->>'managed_by' and c.environment = payload->>'environment'
     order by c.integration_id, c.number desc
  ), held as (
    select i.id::text as id, i.content_hash as hash
      from public.integrations i
     where i.managed_by = payload->>'managed_by' and i.environment = payload->>'environment'
  )
  select json_build_object(
    'version', case when public.spile_may_plan(payload->>'managed_by') then public.spile_version() end,
    'hashes', (select coalesce(json_object_agg(id, hash), '{}') from held),
    'drift', (
      select coalesce(json_agg(json_build_object('id', id, 'why', case
               when applied.hash is null then 'added' when held.hash is null then 'deleted' else 'changed' end,
               'after', (select c.after from public.integration_changes c where c.number = applied.number))
               order by id collate "C"), '[]')
        from applied full join held using (id)
       where applied.hash is distinct from held.hash),
    'others', case when current_user = 'spile_planner' then public.spile_others(payload->>'managed_by') else (
      select coalesce(json_agg(json_build_object('id', i.id, 'name', i.name, 'managed_by', i.managed_by,
               'content_hash', i.content_hash) order by i.id::text collate "C"), '[]')
        from public.integrations i
       where i.managed_by is distinct from payload->>'managed_by') end)
$$;
comment on function public.spile_state(jsonb) is
  'What {"managed_by", "environment"} holds, by hashes; what others have changed of it; what is not its own, by name.';
drop function if exists public.spile_drift(jsonb);  -- of version 3

-- The newest applies of {"managed_by", "environment", "most"}, newest first; of one alone with "apply_id".
create or replace function public.spile_applies(payload jsonb) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'plan', a.plan, 'actor', a.actor, 'commit', a.source_rev,
           'at', a.at, 'file', a.file_sha256, 'created', n.created, 'updated', n.updated, 'deleted', n.deleted)
           order by a.number desc), '[]')
    from (select * from public.integration_applies a
           where a.managed_by = payload->>'managed_by' and a.environment = payload->>'environment'
             and (payload->>'apply_id' is null or a.id::text = payload->>'apply_id')
           order by a.number desc limit coalesce((payload->>'most')::bigint, 100)) a
   cross join lateral (
     select count(*) filter (where c.op = 'create') as created, count(*) filter (where c.op in ('update', 'adopt', 'release')) as updated,
            count(*) filter (where c.op = 'delete') as deleted
       from public.integration_changes c where c.apply_id = a.id) n
$$;
comment on function public.spile_applies(jsonb) is 'The newest applies of {"managed_by", "environment", "most"}.';

-- What an apply left: {"apply", "rows": [{"id", "row"}], "adopted": [{"id", "before"}], "text"}, the third of which are
-- the rows that later applies have adopted and still keep, as they were before; or null where there was no such apply. What was changed
-- before version 2 came before every apply that has a number; of those changes no row was kept.
create or replace function public.spile_left(payload jsonb) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select jsonb_build_object(
    'apply', public.spile_applies(payload)->0,
    'rows', (
      select coalesce(jsonb_agg(jsonb_build_object('id', l.id, 'row', l.after) order by l.id collate "C"), '[]') from (
        select distinct on (c.integration_id) c.integration_id as id, c.after
          from public.integration_changes c
          left join public.integration_applies b on b.id = c.apply_id
         where c.managed_by = a.managed_by and c.environment = a.environment and coalesce(b.number, 0) <= a.number
         order by c.integration_id, c.number desc) l
       where l.after is not null),
    'adopted', (
      select coalesce(jsonb_agg(jsonb_build_object('id', l.id, 'before', l.before) order by l.id collate "C"), '[]') from (
        select distinct on (c.integration_id) c.integration_id as id, c.op, c.before
          from public.integration_changes c
          join public.integration_applies b on b.id = c.apply_id
         where c.managed_by = a.managed_by and c.environment = a.environment and b.number > a.number and c.op <> 'update'
         order by c.integration_id, c.number desc) l
       where l.op = 'adopt'),
    'text', (
      select f.text from public.integration_applies b join public.integration_files f on f.sha256 = b.file_sha256
       where b.managed_by = a.managed_by and b.environment = a.environment and b.number <= a.number
       order by b.number desc limit 1))
    from public.integration_applies a
   where a.managed_by = payload->>'managed_by' and a.environment = payload->>'environment'
     and a.id::text = payload->>'apply_id'
$$;
comment on function public.spile_left(jsonb) is 'What the apply {"managed_by", "environment", "apply_id"} left.';

-- The newest run of each integration of a project's environment.
create or replace function public.spile_last_runs(payload jsonb) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(to_jsonb(r)), '[]') from (
    select distinct on (r.integration_id) r.*
      from public.integration_runs r
     where r.managed_by = payload->>'managed_by' and r.environment = payload->>'environment'
     order by r.integration_id, r.started_at desc, r.id desc
  ) r
$$;
comment on function public.spile_last_runs(jsonb) is 'The newest run of each integration of {"managed_by", "environment"}.';

-- Of each integration, what was tried of the newest moment of its schedule that is not after "now".
create or replace function public.spile_tries(payload jsonb) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(to_jsonb(t)), '[]') from (
    select r.integration_id, r.scheduled_for as moment,
           count(*) filter (where r.status in ('ok', 'warning') or (r.status = 'failed' and r.cause is distinct from 'killed')) as ended,
           count(*) filter (where r.status = 'cancelled' or r.cause = 'killed') as lost
      from (
        select n.environment, n.integration_id, max(n.scheduled_for) as moment
          from public.integration_runs n
         where n.managed_by = payload->>'managed_by' and n.environment = payload->>'environment'
           and n.scheduled_for <= (payload->>'now')::timestamptz
         group by n.environment, n.integration_id
      ) newest
      join public.integration_runs r
        on r.environment = newest.environment and r.integration_id = newest.integration_id
       and r.scheduled_for = newest.moment
     where r.managed_by = payload->>'managed_by'
     group by r.integration_id, r.scheduled_for
  ) t
$$;
comment on function public.spile_tries(jsonb) is
  'What was tried of the newest moment of each schedule of {"managed_by", "environment"} that is not after "now".';

-- Of each integration the newest tests and syncs that succeeded and that failed: what alerts are told from.
create or replace function public.spile_ends(payload jsonb) returns jsonb
language plpgsql stable security invoker set search_path = '' set plan_cache_mode = force_custom_plan as $$
declare
  ids constant text[] := case when jsonb_typeof(payload->'ids') = 'array'
                              then array(select jsonb_array_elements_text(payload->'ids')) end;
begin
  return (
    select coalesce(jsonb_agg(to_jsonb(r)), '[]') from (
      select distinct on (r.integration_id, r.kind, r.status) r.*
        from public.integration_runs r
       where r.managed_by = payload->>'managed_by' and r.environment = payload->>'environment'
         and r.status in ('ok', 'warning', 'failed') and (ids is null or r.integration_id = any(ids))
       order by r.integration_id, r.kind, r.status, r.started_at desc, r.id desc
    ) r);
end $$;
comment on function public.spile_ends(jsonb) is
  'The newest runs by how they ended of the integrations {"managed_by", "environment", "ids"} names; of all without ids.';

-- Writes what a channel was told, where it is still the version that was read; 0 where there was none.
--   {"managed_by", "environment", "channel", "version": n, "told": {}} -> whether it was written
create or replace function public.spile_keep_alerts(payload jsonb) returns boolean
language plpgsql volatile security invoker set search_path = '' as $$
declare
  known constant bigint := (payload->>'version')::bigint;
begin
  if known = 0 then
    insert into public.integration_alerts (managed_by, environment, channel, version, told)
    values (payload->>'managed_by', payload->>'environment', payload->>'channel', 1, payload->'told')
        on conflict on constraint integration_alerts_pkey do nothing;
  else
    update public.integration_alerts a
       set version = a.version + 1, told = payload->'told', updated_at = now()
     where a.managed_by = payload->>'managed_by' and a.environment = payload->>'environment'
       and a.channel = payload->>'channel' and a.version = known;
  end if;
  return found;
end $$;
comment on function public.spile_keep_alerts(jsonb) is
  'Writes what the channel {"managed_by", "environment", "channel"} was told, if it has not changed since "version".';

-- Takes, keeps or is refused the lease of an integration, in one statement. The database's clock counts, for those of
-- machines differ.
--   {"managed_by", "environment", "integration_id", "run": uuid, "host", "seconds"}
--   -> {"granted": boolean, "run", "host", "since", "expires_at"}: of who has it now
create or replace function public.spile_lease(payload jsonb) returns jsonb
language plpgsql volatile security invoker set search_path = '' as $$
declare
  held public.integration_leases;
begin
  insert into public.integration_leases as l (managed_by, environment, integration_id, run, host, since, expires_at)
  values (payload->>'managed_by', payload->>'environment', payload->>'integration_id', (payload->>'run')::uuid,
          payload->>'host', clock_timestamp(),
          clock_timestamp() + make_interval(secs => (payload->>'seconds')::double precision))
      on conflict on constraint integration_leases_pkey do update
     set run = excluded.run, host = excluded.host, expires_at = excluded.expires_at,
         since = case when l.run = excluded.run then l.since else excluded.since end
   where l.run = excluded.run or l.expires_at < clock_timestamp()
  returning l.* into held;
  if held.run is null then
    select * into held from public.integration_leases l
     where l.managed_by = payload->>'managed_by' and l.environment = payload->>'environment'
       and l.integration_id = payload->>'integration_id';
  end if;
  return jsonb_build_object('granted', coalesce(held.run::text = lower(payload->>'run'), false), 'run', held.run,
    'host', held.host, 'since', held.since, 'expires_at', held.expires_at);
end $$;
comment on function public.spile_lease(jsonb) is 'Takes or renews the lease of an integration, or says who has it.';

create or replace function public.spile_release(payload jsonb) returns boolean
language sql volatile security invoker set search_path = '' as $$
  with gone as (
    delete from public.integration_leases l
     where l.managed_by = payload->>'managed_by' and l.environment = payload->>'environment'
       and l.run = (payload->>'run')::uuid
    returning 1
  )
  select exists (select from gone)
$$;
comment on function public.spile_release(jsonb) is 'Gives back the lease that the run {"managed_by", "environment", "run"} has.';

-- Writes the bookmarks of a pipeline, where they are still the version that was read, 0 where there was none, and where the
-- run has the lease of the integration. The lease is locked meanwhile: it cannot pass to another machine in between.
--   {"managed_by", "environment", "state_id", "integration_id", "run": uuid, "host", "version": n, "state": text | null}
--   -> {"written": boolean, "why": null | "lease" | "version", "version": n}: of what is there now
create or replace function public.spile_keep_state(payload jsonb) returns jsonb
language plpgsql volatile security invoker set search_path = '' as $$
declare
  known constant bigint := (payload->>'version')::bigint;
  found_version bigint;
begin
  perform from public.integration_leases l
    where l.managed_by = payload->>'managed_by' and l.environment = payload->>'environment'
      and l.integration_id = payload->>'integration_id' and l.run = (payload->>'run')::uuid
      for update;
  if not found then
    return jsonb_build_object('written', false, 'why', 'lease', 'version', known);
  end if;
  insert into public.integration_states as s (managed_by, environment, state_id, version, state, run, host)
  select payload->>'managed_by', payload->>'environment', payload->>'state_id', 1, payload->>'state',
         (payload->>'run')::uuid, payload->>'host'
   where known = 0
      on conflict on constraint integration_states_pkey do nothing
  returning s.version into found_version;
  if found_version is null then
    update public.integration_states s
       set version = s.version + 1, state = payload->>'state', run = (payload->>'run')::uuid,
           host = payload->>'host', updated_at = now()
     where s.managed_by = payload->>'managed_by' and s.environment = payload->>'environment'
       and s.state_id = payload->>'state_id'
       -- The same once more was sent again, because the answer was lost.
       and (s.version = known or s.version = known + 1 and s.run = (payload->>'run')::uuid
                                 and s.state is not distinct from payload->>'state')
    returning s.version into found_version;
  end if;
  if found_version is not null then
    return jsonb_build_object('written', true, 'why', null, 'version', found_version);
  end if;
  return jsonb_build_object('written', false, 'why', 'version', 'version', (
    select s.version from public.integration_states s
     where s.managed_by = payload->>'managed_by' and s.environment = payload->>'environment'
       and s.state_id = payload->>'state_id'));
end $$;
comment on function public.spile_keep_state(jsonb) is
  'Writes the bookmarks of a pipeline for the run that has the lease, if they have not changed since "version".';

-- What is open to those who have no business here: a table that a visitor of the dashboard may read or write.
create or replace function public.spile_exposure() returns jsonb
language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_object('table', t.name, 'role', r.rolname, 'may', p.may)
           order by t.name, r.rolname, p.may), '[]')
    from unnest(array['integrations', 'integration_runs', 'integration_changes', 'integration_applies',
                      'integration_files', 'integration_leases', 'integration_alerts', 'integration_states']) as t(name)
   cross join pg_catalog.pg_roles r
   cross join unnest(array['select', 'insert', 'update', 'delete']) as p(may)
   where r.rolname in ('anon', 'authenticated')
     and case p.may when 'delete' then has_table_privilege(r.oid, format('public.%I', t.name)::regclass, 'delete')
              else has_any_column_privilege(r.oid, format('public.%I', t.name)::regclass, p.may) end
$$;
comment on function public.spile_exposure() is 'The rights that anon and authenticated have on spile''s tables: there should be none.';

-- Applying ----------------------------------------------------------------------------------------------------------

-- One call is one transaction: all of it, or none.
--   {"v": 1, "managed_by": text, "environment": text, "apply_id": uuid, "plan": text, "actor": text,
--    "source_rev": text | null, "revision": hex, "max_deletes": 0,
--    "file": {"sha256": hex, "text": text | null} | null,                          -- what meltano.yml becomes with it
--    "changes": [{"op": "create" | "update" | "delete" | "adopt" | "release", "id": text,
--                 "expect": <content_hash as read>,                               -- not for create
--                 "row": {"slug", "type", "name", "enabled", "config", "secrets"}}]}  -- not for delete and release
-- The payload is taken apart once, into arrays: a temporary table would need a right and churn the catalogs.
create or replace function public.spile_apply(payload jsonb) returns jsonb
language plpgsql volatile security invoker
set search_path = ''
set lock_timeout = '3s'
set statement_timeout = '60s'              -- PostgREST 12.2 and later lifts it into its transaction
set plan_cache_mode = force_custom_plan    -- a plan that does not know how long the arrays are may take minutes
as $$
declare
  most    constant integer := 100;         -- findings in one answer
  project constant text := payload->>'managed_by';
  env     constant text := payload->>'environment';
  apply   uuid;
  ops     text[];
  ids     text[];
  expects text[];
  docs    jsonb[];
  bad     jsonb;
  allowed bigint;
  created bigint;
  updated bigint;
  deleted bigint;
  released bigint;
begin
  if payload->>'v' is distinct from '1' then
    raise sqlstate 'PT400' using message = 'this version of the payload is not known',
      detail = jsonb_build_object('got', payload->'v', 'known', 1)::text,
      hint = 'spile and the migration are of different versions: run `spile migrate`';
  end if;

  select jsonb_agg(field) into bad from (
    select field from unnest(array['managed_by', 'environment', 'apply_id', 'plan', 'actor', 'revision']) field
     where coalesce(jsonb_typeof(payload->field), '') <> 'string' or payload->>field = ''
    union all select 'apply_id' where payload->>'apply_id' !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    union all select 'changes' where jsonb_typeof(payload->'changes') is distinct from 'array'
    union all select 'max_deletes' where jsonb_typeof(payload->'max_deletes') not in ('number', 'null')
  ) missing;
  if bad is not null then
    raise sqlstate 'PT400' using message = 'fields are missing or malformed', detail = bad::text,
      hint = 'this is a fault of the program that called `spile_apply`';
  end if;
  apply := (payload->>'apply_id')::uuid;
  allowed := coalesce((payload->>'max_deletes')::numeric::bigint, 0);

  select array_agg(e->>'op'), array_agg(e->>'id'), array_agg(e->>'expect'), array_agg(e->'row')
    into ops, ids, expects, docs from jsonb_array_elements(payload->'changes') e;

  select jsonb_agg(jsonb_build_object('id', c.id, 'why', c.why)) into bad from (
    select c.id, case
        when coalesce(c.id, '') = '' then 'no id'
        when c.op is null or c.op not in ('create', 'update', 'delete', 'adopt', 'release') then 'no such op'
        when c.op <> 'create' and c.expect is null then 'no expect'
        when c.op not in ('delete', 'release') and (
             jsonb_typeof(c.doc->'slug') is distinct from 'string' or c.doc->>'slug' = ''
          or jsonb_typeof(c.doc->'type') is distinct from 'string'
          or jsonb_typeof(c.doc->'name') is distinct from 'string'
          or jsonb_typeof(c.doc->'enabled') is distinct from 'boolean'
          or jsonb_typeof(c.doc->'config') is distinct from 'object'
          or jsonb_typeof(c.doc->'secrets') is distinct from 'object') then 'malformed row'
      end as why
      from unnest(ops, ids, expects, docs) as c(op, id, expect, doc)
    union all
    select id, 'more than once' from unnest(ids) id group by id having count(*) > 1
  ) c where c.why is not null;
  if bad is not null then
    raise sqlstate 'PT400' using message = 'changes are malformed', detail = bad::text,
      hint = 'this is a fault of the program that called `spile_apply`';
  end if;

  -- One apply at a time, whosesoever: two projects that create the same ids would wait for each other for ever. It
  -- waits, because a request that has just failed may still be rolling back.
  perform pg_advisory_xact_lock(hashtextextended('spile_apply', 0));

  -- Sent again, because the answer was lost.
  select count(*) filter (where c.op = 'create'), count(*) filter (where c.op in ('update', 'adopt', 'release')),
         count(*) filter (where c.op = 'delete')
    into created, updated, deleted from public.integration_changes c
   where c.apply_id = apply and c.managed_by = project and c.environment = env;
  if exists (select from public.integration_applies a where a.id = apply) then
    return jsonb_build_object('apply_id', apply, 'replayed', true, 'created', created, 'updated', updated,
      'deleted', deleted, 'revision', public.spile_revision(project, env));
  end if;

  select count(*) into deleted from unnest(ops) op where op = 'delete';
  if deleted > allowed then
    raise sqlstate 'PT422' using message = 'it would delete more than is allowed',
      detail = jsonb_build_object('deletes', deleted, 'max_deletes', allowed)::text,
      hint = 'allow more deletes, or check what is missing from the files';
  end if;

  perform from public.integrations i where i.id::text in (select unnest(ids)) order by i.id for update;

  select jsonb_agg(f.finding order by f.id collate "C") into bad from (
    select c.id, jsonb_build_object('id', c.id, 'op', c.op, 'why', c.why) as finding from (
      select c.id, c.op, case
          when i.id is null then case when c.op <> 'create' then 'missing' end
          when i.managed_by is null and c.op <> 'adopt' then 'not managed'
          when (i.managed_by, i.environment) is distinct from (project, env) and i.managed_by is not null
            then 'owned by ' || i.managed_by || ' (' || coalesce(i.environment, '') || ')'
          when c.op = 'create' then 'exists'
          when i.content_hash <> c.expect then 'changed'
        end as why
        from unnest(ops, ids, expects) as c(op, id, expect)
        left join public.integrations i on i.id::text = c.id
    ) c where c.why is not null order by c.id collate "C" limit most
  ) f;
  if bad is not null then
    raise sqlstate 'PT409' using message = 'the registry is not as planned', detail = bad::text,
      hint = 'make a new plan';
  end if;
  if public.spile_revision(project, env) <> payload->>'revision' then
    raise sqlstate 'PT409' using message = 'rows that the plan leaves alone have changed', detail = '[]',
      hint = 'make a new plan';
  end if;

  insert into public.integration_files (sha256, text)
  select payload->'file'->>'sha256', payload->'file'->>'text' where payload->'file'->>'text' is not null
      on conflict do nothing;
  insert into public.integration_applies (id, plan, managed_by, environment, actor, source_rev, file_sha256)
  values (apply, payload->>'plan', project, env, payload->>'actor', payload->>'source_rev', payload->'file'->>'sha256');

  with gone as (
    delete from public.integrations i using unnest(ops, ids) as c(op, id)
     where c.op = 'delete' and i.id::text = c.id
    returning c.id, c.op, i.content_hash as before
  )
  insert into public.integration_changes
         (apply_id, plan, environment, integration_id, op, managed_by, before_hash, actor, source_rev)
  select apply, payload->>'plan', env, g.id, g.op, project, g.before, payload->>'actor', payload->>'source_rev'
    from gone g;
  get diagnostics deleted = row_count;

  -- What was adopted holds again what it held before; where that is not known, what it holds now.
  with freed as (
    update public.integrations i
       set slug = r.slug, type = r.type, name = r.name, enabled = r.enabled, config = r.config, secrets = r.secrets,
           managed_by = null, environment = r.environment
      from unnest(ops, ids, expects) as c(op, id, expect)
      join public.integrations p on p.id::text = c.id
      left join lateral (
        select h.before from public.integration_changes h
         where h.managed_by = project and h.environment = env and h.integration_id = c.id and h.op = 'adopt'
         order by h.number desc limit 1) h on true
     cross join lateral jsonb_populate_record(p, coalesce(h.before, '{"environment": null}')) r
     where c.op = 'release' and i.id = p.id
    returning c.id, c.op, c.expect as before
  )
  insert into public.integration_changes
         (apply_id, plan, environment, integration_id, op, managed_by, before_hash, actor, source_rev)
  select apply, payload->>'plan', env, f.id, f.op, project, f.before, payload->>'actor', payload->>'source_rev'
    from freed f;
  get diagnostics released = row_count;

  with kept as (
    update public.integrations i
       set slug = r.slug, type = r.type, name = r.name, enabled = r.enabled, config = r.config, secrets = r.secrets,
           managed_by = project, environment = env
      from unnest(ops, ids, expects, docs) as c(op, id, expect, doc)
      join public.integrations p on p.id::text = c.id
     cross join lateral jsonb_populate_record(null::public.integrations, c.doc) r
     where c.op in ('update', 'adopt') and i.id = p.id
    returning case when c.op = 'adopt' then jsonb_build_object('slug', p.slug, 'type', p.type, 'name', p.name,
        'enabled', p.enabled, 'config', p.config, 'environment', p.environment,
        'secrets', case when p.secrets = '{}' or jsonb_exists(p.secrets, 'document') then p.secrets
                        else r.secrets end) end as held,
      c.id, c.op, c.expect as before, i.content_hash as after, jsonb_build_object('slug', i.slug, 'type', i.type,
      'name', i.name, 'enabled', i.enabled, 'config', i.config, 'secrets', i.secrets) as written
  )
  insert into public.integration_changes
         (apply_id, plan, environment, integration_id, op, managed_by, before_hash, after_hash, before, after, actor, source_rev)
  select apply, payload->>'plan', env, k.id, k.op, project, k.before, k.after, k.held, k.written, payload->>'actor',
         payload->>'source_rev'
    from kept k;
  get diagnostics updated = row_count;
  updated := updated + released;

  -- The record of the table's own type turns the id into a uuid where ids are.
  with made as (
    insert into public.integrations as i (id, slug, type, name, enabled, config, secrets, status, managed_by,
           environment, created_at, updated_at)
    select r.id, r.slug, r.type, r.name, r.enabled, r.config, r.secrets, 'pending', project, env, now(), now()
      from unnest(ops, ids, docs) as c(op, id, doc),
           jsonb_populate_record(null::public.integrations, c.doc || jsonb_build_object('id', c.id)) r
     where c.op = 'create'
    returning i.id::text as id, i.content_hash as after, jsonb_build_object('slug', i.slug, 'type', i.type,
      'name', i.name, 'enabled', i.enabled, 'config', i.config, 'secrets', i.secrets) as written
  )
  insert into public.integration_changes
         (apply_id, plan, environment, integration_id, op, managed_by, after_hash, after, actor, source_rev)
  select apply, payload->>'plan', env, m.id, 'create', project, m.after, m.written, payload->>'actor',
         payload->>'source_rev'
    from made m;
  get diagnostics created = row_count;

  return jsonb_build_object('apply_id', apply, 'created', created, 'updated', updated, 'deleted', deleted,
    'revision', public.spile_revision(project, env));
exception
  when lock_not_available then
    raise sqlstate 'PT423' using message = 'another apply, or somebody else, holds the rows',
      detail = jsonb_build_object('managed_by', project, 'environment', env)::text,
      hint = 'try again when it has ended';
end $$;
comment on function public.spile_apply(jsonb) is
  'Applies a change-set as a whole. PT400 malformed, PT409 not as planned, PT422 too many deletes, PT423 locked.';

-- Who may do what ---------------------------------------------------------------------------------------------------

-- Default privileges differ between projects: everything is taken back, and given by name.
alter table public.integrations        enable row level security;
alter table public.integration_runs    enable row level security;
alter table public.integration_changes enable row level security;
alter table public.integration_applies enable row level security;
alter table public.integration_files   enable row level security;
alter table public.integration_leases  enable row level security;
alter table public.integration_alerts  enable row level security;
alter table public.integration_states  enable row level security;

revoke all on public.integrations, public.integration_runs, public.integration_changes, public.integration_applies,
  public.integration_files, public.integration_leases, public.integration_alerts, public.integration_states
  from public, anon, authenticated, service_role;
revoke all on sequence public.integration_changes_number_seq, public.integration_applies_number_seq
  from public, anon, authenticated, service_role;
revoke all on function public.spile_apply(jsonb), public.spile_rows(jsonb), public.spile_state(jsonb),
  public.spile_applies(jsonb), public.spile_left(jsonb), public.spile_last_runs(jsonb), public.spile_lease(jsonb),
  public.spile_release(jsonb), public.spile_tries(jsonb), public.spile_ends(jsonb),
  public.spile_keep_alerts(jsonb), public.spile_keep_state(jsonb), public.spile_exposure(),
  public.spile_revision(text, text), public.spile_version(), public.spile_planner_project(), public.spile_may_plan(text),
  public.spile_others(text), public.integrations_touch(),
  public.integration_changes_stay(), public.integration_runs_end()
  from public, anon, authenticated, service_role;

grant usage on schema public to service_role;
grant select, insert, update, delete on public.integrations to service_role;
grant select, insert, update on public.integration_runs to service_role;
grant select, insert, update, delete on public.integration_leases to service_role;
grant select, insert, update on public.integration_alerts, public.integration_states to service_role;
grant select, insert on public.integration_changes, public.integration_applies, public.integration_files to service_role;
grant execute on function public.spile_apply(jsonb), public.spile_rows(jsonb), public.spile_state(jsonb),
  public.spile_applies(jsonb), public.spile_left(jsonb), public.spile_last_runs(jsonb), public.spile_lease(jsonb),
  public.spile_release(jsonb), public.spile_tries(jsonb), public.spile_ends(jsonb),
  public.spile_keep_alerts(jsonb), public.spile_keep_state(jsonb), public.spile_exposure(),
  public.spile_revision(text, text), public.spile_version(), public.spile_planner_project(), public.spile_may_plan(text),
  public.spile_others(text) to service_role;

-- The role that can plan and nothing else: the rows of the project that its key names, and of others what a plan shows.
do $$ begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'spile_planner') then
    create role spile_planner nologin;
  end if;
exception when insufficient_privilege or duplicate_object or unique_violation then
  raise notice 'spile_planner is not made here: %', sqlerrm;
end $$;
do $$ begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'spile_planner') then
    return;
  end if;
  revoke all on public.integrations, public.integration_runs, public.integration_changes, public.integration_applies,
    public.integration_files, public.integration_leases, public.integration_alerts, public.integration_states
    from spile_planner;
  grant usage on schema public to spile_planner;
  grant select (id, slug, type, name, enabled, config, secrets, managed_by, environment, content_hash)
    on public.integrations to spile_planner;
  grant select (number, integration_id, managed_by, environment, after_hash, after)
    on public.integration_changes to spile_planner;
  grant execute on function public.spile_rows(jsonb), public.spile_state(jsonb), public.spile_revision(text, text),
    public.spile_version(), public.spile_planner_project(), public.spile_may_plan(text), public.spile_others(text)
    to spile_planner;
  drop policy if exists spile_planner_reads on public.integrations;
  create policy spile_planner_reads on public.integrations for select to spile_planner
    using (managed_by = (select public.spile_planner_project()));
  drop policy if exists spile_planner_reads on public.integration_changes;
  create policy spile_planner_reads on public.integration_changes for select to spile_planner
    using (managed_by = (select public.spile_planner_project()));
end $$;
-- Apart from the rest: where it is refused, the planner is still of use to those who connect otherwise.
do $$ begin
  if exists (select from pg_catalog.pg_roles where rolname = 'spile_planner')
     and not pg_catalog.pg_has_role('authenticator', 'spile_planner', 'member') then
    grant spile_planner to authenticator;
  end if;
exception when insufficient_privilege or undefined_object then
  raise notice 'spile_planner cannot be used through the API: %', sqlerrm;
end $$;

notify pgrst, 'reload schema';

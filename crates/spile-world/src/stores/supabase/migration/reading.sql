-- Reading -----------------------------------------------------------------------------------------------------------

-- Not `immutable`, although it is: Postgres would inline it in a plan, and not check the caller when it reuses the
-- plan.
create or replace function public.spile_version() returns integer
language sql stable security invoker set search_path = '' as 'select 6';
comment on function public.spile_version() is 'The version of spile''s tables and functions.';

-- The client builds the same text from what it has read. For each row, ordered by the bytes of its id: id ':'
-- content_hash '\n'.
create or replace function public.spile_revision(managed_by text, environment text) returns text
language sql stable security invoker set search_path = '' as $$
  select encode(sha256(convert_to(coalesce(
           string_agg(i.id::text || ':' || i.content_hash || E'\n', '' order by i.id::text collate "C"), ''), 'UTF8')), 'hex')
    from public.integrations i
   where i.managed_by = spile_revision.managed_by and i.environment = spile_revision.environment
$$;
comment on function public.spile_revision(text, text) is 'SHA-256 over all rows of a project''s environment.';

-- The project in the claim `spile_project` of a planner's key; null if there is none.
create or replace function public.spile_planner_project() returns text
language sql stable security invoker set search_path = '' as $$
  select nullif(current_setting('request.jwt.claims', true), '')::jsonb->>'spile_project'
$$;
comment on function public.spile_planner_project() is 'The claim `spile_project` of the key that is used.';

-- Row level security hides other projects from a planner, which would then plan to create everything. Raises an error
-- instead.
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

-- The rows that do not belong to a project, by name. A planner may not read these rows, so the function's owner reads
-- the columns that a plan shows. They do not include the hash, which would confirm a guess of a row's content.
create or replace function public.spile_others(project text) returns json
language sql stable security definer set search_path = '' as $$
  select coalesce(json_agg(json_build_object('id', i.id, 'name', i.name, 'managed_by', i.managed_by)
           order by i.id::text collate "C"), '[]')
    from public.integrations i
   where i.managed_by is distinct from project
$$;
comment on function public.spile_others(text) is 'What a plan shows of the rows that are not the project''s.';

-- Returns one JSON value, not a set, because PostgREST truncates sets at its max-rows. Takes a payload, because long
-- lists of ids break URLs. Written in plpgsql, which plans with the array's length: as an SQL function, 10,000 ids took
-- longer than the statement timeout.
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

-- Everything that a plan needs, as one JSON value of one moment: the version, so that no separate call is needed; the
-- hashes of a project's rows by id, because anyone who knows the hash knows the row; changes made elsewhere since the last
-- apply; and the rows that do not belong to the project, by name.
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
drop function if exists public.spile_drift(jsonb);  -- from version 3

-- The newest applies of {"managed_by", "environment", "most"}, newest first. With "apply_id", only that one.
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

-- What an apply left: {"apply", "rows": [{"id", "row"}], "adopted": [{"id", "before"}], "text"}; null if there was no
-- such apply. "adopted" contains the rows that later applies adopted and still manage, as they were before. Changes
-- from before version 2 precede every apply that has a number. Their rows were not stored.
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

-- The newest run of each integration in a project's environment. Pieces of backfills say nothing about it.
create or replace function public.spile_last_runs(payload jsonb) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(to_jsonb(r)), '[]') from (
    select distinct on (r.integration_id) r.*
      from public.integration_runs r
     where r.managed_by = payload->>'managed_by' and r.environment = payload->>'environment'
       and r.details->'range' is null
     order by r.integration_id, r.started_at desc, r.id desc
  ) r
$$;
comment on function public.spile_last_runs(jsonb) is 'The newest run of each integration of {"managed_by", "environment"}.';

-- For each integration, the attempts for the latest scheduled time that is not after "now".
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

-- For each integration, the newest successful and failed tests and syncs, which alerts are derived from.
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
         and r.details->'range' is null
       order by r.integration_id, r.kind, r.status, r.started_at desc, r.id desc
    ) r);
end $$;
comment on function public.spile_ends(jsonb) is
  'The newest runs by how they ended of the integrations {"managed_by", "environment", "ids"} names; of all without ids.';

-- Stores what was sent to a channel, if the stored version is still the one that was read; 0 if there was none.
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

-- Grants, renews or refuses the lease of an integration in one statement. Uses the database's clock, because those of
-- machines differ.
--   {"managed_by", "environment", "integration_id", "run": uuid, "host", "seconds"}
--   -> {"granted": boolean, "run", "host", "since", "expires_at"}: the current holder
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

-- Stores the bookmarks of a pipeline, if the stored version is still the one that was read (0 if there was none), and
-- if the run holds the lease of the integration. Locks the lease, so that it cannot pass to another machine in the
-- meantime.
--   {"managed_by", "environment", "state_id", "integration_id", "run": uuid, "host", "version": n, "state": text | null}
--   -> {"written": boolean, "why": null | "lease" | "version", "version": n}: the stored version now
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
       -- The same state again was sent again because the response was lost.
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

-- What is exposed to roles that should have no access: tables that a visitor of the dashboard can read or write.
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


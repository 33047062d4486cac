-- Applying ----------------------------------------------------------------------------------------------------------

-- One call is one transaction: it applies everything or nothing.
--   {"v": 1, "managed_by": text, "environment": text, "apply_id": uuid, "plan": text, "actor": text,
--    "source_rev": text | null, "revision": hex, "max_deletes": 0,
--    "file": {"sha256": hex, "text": text | null} | null,                          -- the rendered meltano.yml
--    "changes": [{"op": "create" | "update" | "delete" | "adopt" | "release", "id": text,
--                 "expect": <content_hash as read>,                               -- not for create
--                 "row": {"slug", "type", "name", "enabled", "config", "secrets"}}]}  -- not for delete and release
-- The payload is unpacked once, into arrays. A temporary table would need an additional privilege and bloat the
-- catalogs.
create or replace function public.spile_apply(payload jsonb) returns jsonb
language plpgsql volatile security invoker
set search_path = ''
set lock_timeout = '3s'
set statement_timeout = '60s'              -- PostgREST 12.2 and later applies it to its transaction
set plan_cache_mode = force_custom_plan    -- a plan that does not know the length of the arrays may take minutes
as $$
declare
  most    constant integer := 100;         -- the most findings in one response
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

  -- One apply at a time, even across projects: two that create the same ids would deadlock. It waits, because a request
  -- that has just failed may still be rolling back.
  perform pg_advisory_xact_lock(hashtextextended('spile_apply', 0));

  -- Sent again because the response was lost.
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

  -- An adopted row gets back its previous content, if that is known. Otherwise it keeps its current content.
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

  -- Going through a record of the table's own type converts the id to uuid if ids are uuids.
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


-- Check of existing tables -------------------------------------------------------------------------------------------

-- Read-only. A dashboard may have its own table `integrations`, and tables with the other names. This finds everything
-- that does not fit at once, before anything is changed. A finding is a state, a sentence, and a statement or null.
-- States:
--   "fits", "added", "changed": what the migration keeps, creates and changes;
--   "conflict": what it cannot work with. Its statement, if any, changes the table but not what an app may write
--   to it.
do $fit$
declare
  home       constant regclass := to_regclass('public.integrations');
  kind       constant "char" := (select c.relkind from pg_catalog.pg_class c where c.oid = home);
  is_ours    constant boolean := exists (  -- created or adopted by this migration or an earlier one
    select from pg_catalog.pg_attribute where attrelid = home and attname = 'content_hash' and attgenerated = 's');
  -- The left side is replaced if the table has another name.
  is_renamed constant boolean := 'integrations' <> concat('integra', 'tions');
  statuses   constant text[] := array['pending', 'active', 'error', 'paused'];
  findings   jsonb;
  strays     bigint;
  refused    text;
  rule       record;
begin
  with columns as (
    select a.*, t.typtype, t.typname, pg_catalog.format_type(a.atttypid, null) as type,
           pg_catalog.format_type(a.atttypid, a.atttypmod) as shown, pg_catalog.pg_get_expr(d.adbin, d.adrelid) as other
      from pg_catalog.pg_attribute a
      join pg_catalog.pg_type t on t.oid = a.atttypid
      left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attrelid = home and a.attnum > 0 and not a.attisdropped
  ), wanted (place, name, types, wanted) as (values
    (1, 'id', '{text,uuid,character varying}'::text[], 'uuid or text'),
    (2, 'type', '{text,character varying}', 'text'),
    (3, 'name', '{text,character varying}', 'text'),
    (4, 'config', '{jsonb}', 'jsonb'),
    (5, 'secrets', '{jsonb}', 'jsonb'),
    (6, 'status', '{text,character varying}', 'text'),
    (7, 'created_at', '{timestamp with time zone}', 'timestamptz'),
    (8, 'updated_at', '{timestamp with time zone}', 'timestamptz'),
    (9, 'slug', '{text,character varying}', 'text'),
    (10, 'enabled', '{boolean}', 'boolean'),
    (11, 'managed_by', '{text,character varying}', 'text'),
    (12, 'environment', '{text,character varying}', 'text'),
    (13, 'content_hash', '{text}', 'text')
  ), others (place, name, columns) as (values
    (1, 'integration_runs', array['id uuid', 'managed_by text', 'environment text', 'integration_id text', 'slug text',
        'kind text', 'status text', 'state_id text', 'loader_id text', 'started_at timestamp with time zone',
        'finished_at timestamp with time zone', 'records bigint', 'error text', 'log text']),
    (2, 'integration_leases', array['managed_by text', 'environment text', 'integration_id text', 'run uuid', 'host text',
        'since timestamp with time zone', 'expires_at timestamp with time zone']),
    (3, 'integration_states', array['managed_by text', 'environment text', 'state_id text', 'version bigint', 'state text',
        'run uuid', 'host text', 'updated_at timestamp with time zone']),
    (4, 'integration_alerts', array['managed_by text', 'environment text', 'channel text', 'version bigint', 'told jsonb',
        'updated_at timestamp with time zone']),
    (5, 'integration_applies', array['number bigint', 'id uuid', 'plan text', 'managed_by text', 'environment text',
        'actor text', 'source_rev text', 'file_sha256 text', 'at timestamp with time zone']),
    (6, 'integration_files', array['sha256 text', 'text text']),
    (7, 'integration_changes', array['number bigint', 'apply_id uuid', 'plan text', 'environment text',
        'integration_id text', 'op text', 'managed_by text', 'before_hash text', 'after_hash text', 'actor text',
        'source_rev text', 'at timestamp with time zone'])
  ), tables as (  -- those of the other tables that exist; another app's table lacks columns
    select o.place, o.name, c.oid, c.relkind, c.relowner,
           (select string_agg(w.wanted, ', ' order by w.place) from unnest(o.columns) with ordinality as w(wanted, place)
             where not exists (select from pg_catalog.pg_attribute a
                    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                      and a.attname || ' ' || pg_catalog.format_type(a.atttypid, null) = w.wanted)) as lacks
      from others o join pg_catalog.pg_class c on c.oid = to_regclass('public.' || o.name)
  ), indexes (name, of) as (values
    ('integrations_owner_idx', 'integrations'), ('integration_runs_newest', 'integration_runs'),
    ('integration_runs_newest_of', 'integration_runs'), ('integration_runs_scheduled', 'integration_runs'),
    ('integration_applies_newest', 'integration_applies'), ('integration_changes_apply_idx', 'integration_changes'),
    ('integration_changes_newest_of', 'integration_changes')
  ), visitors as (  -- roles that lose their rights on the table
    select r.oid, coalesce(r.rolname, 'public') as name,
           exists (select from pg_catalog.pg_policy p
                    where p.polrelid = home and (p.polroles @> array[r.oid] or p.polroles @> array[0::oid])) as has_policy
      from (select grantee from pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) where c.oid = home
            union select grantee from columns c, pg_catalog.aclexplode(c.attacl)) g
      left join pg_catalog.pg_roles r on r.oid = g.grantee
     where g.grantee = 0 or r.rolname in ('anon', 'authenticated')
  ), found (part, place, finding) as (
    -- The table itself.
    select 1, 0, array['added', 'the table `public.integrations`', null] where home is null
    union all
    select 1, 0, array['conflict', format('`public.integrations` is a %s, and has to be a table', case kind
        when 'v' then 'view' when 'm' then 'materialized view' when 'p' then 'partitioned table'
        when 'f' then 'foreign table' else 'thing of another kind' end), null]
     where kind <> 'r'
    union all
    select 1, c.place, array['conflict', format('`public.%s` belongs to `%s`, and the migration is run by `%s`', c.name,
        pg_catalog.pg_get_userbyid(c.relowner), current_user), null]
      from (select 0 as place, 'integrations' as name, relowner from pg_catalog.pg_class where oid = home
            union all select place, name, relowner from tables) c
     where not pg_catalog.pg_has_role(current_user, c.relowner, 'usage')
    union all
    -- The columns that spile reads and writes.
    select 2, w.place, case
        when c.attname is null and w.name = 'id' then array['conflict', 'there is no column `id`', null]
        when c.attname is null then array['added', format('the column `%s` %s', w.name, w.wanted), null]
        when c.type <> all(w.types) then array['conflict',
          format('`%s` is %s, and has to be %s', w.name, c.shown, w.wanted), case
            when w.wanted = 'text' and (c.typtype in ('e', 'd') or c.typname in ('bpchar', 'citext')) then
              format('alter table public.integrations alter column %I type text;', w.name)
            when w.wanted = 'jsonb' and c.type in ('json', 'text', 'character varying') then
              format('alter table public.integrations alter column %1$I type jsonb using %1$I::jsonb;', w.name)
            when w.wanted = 'timestamptz' and c.type in ('timestamp without time zone', 'date') then
              format('alter table public.integrations alter column %I type timestamptz;', w.name)
          end]
        when w.name = 'content_hash' and c.attgenerated = '' then
          array['conflict', 'the column `content_hash` is your own', null]
        when w.name <> 'content_hash' and c.attgenerated <> '' then
          array['conflict', format('`%s` is generated, and spile has to write it', w.name), null]
        when w.name = 'id' and c.type = 'character varying' and c.atttypmod between 1 and 39 then
          array['conflict', format('`id` is %s, and ids of spile have 36 characters', c.shown),
                'alter table public.integrations alter column id type text;']
        when w.name = 'id' and not exists (select from pg_catalog.pg_index i where i.indrelid = home and i.indisunique
                                              and i.indpred is null and i.indnkeyatts = 1 and i.indkey[0] = c.attnum) then
          array['conflict', '`id` is not unique', 'alter table public.integrations add unique (id);']
        when w.name = 'managed_by' and not is_ours and (c.attnotnull or c.other not like 'NULL%') then
          array['conflict', '`managed_by` always has a value, and has to be null where spile does not manage the row',
                'alter table public.integrations alter column managed_by drop not null, alter column managed_by '
                'drop default; update public.integrations set managed_by = null where managed_by = '''';']
        else array['fits', format('`%s` %s', w.name, c.shown), null]
      end
      from wanted w left join columns c on c.attname = w.name
     where kind = 'r'
    union all
    select 3, c.attnum, array['conflict',
        format('`%s` has to be given in every row and has no default: spile does not know it', c.attname),
        format('alter table public.integrations alter column %I drop not null;', c.attname)]
      from columns c
     where kind = 'r' and c.attnotnull and not c.atthasdef and c.attidentity = '' and c.attname not in (select name from wanted)
    union all
    select 3, c.attnum, array['conflict',
        format('`%s` counts with `%s`, which `service_role` may not use: spile writes as that role', c.attname, s.name),
        format('grant usage on sequence %s to service_role;', s.name)]
      from columns c
     cross join lateral (select (substring(c.other from '^nextval\(''(.*)''::regclass\)$'))::regclass as name) s
     where kind = 'r' and s.name is not null and not pg_catalog.has_sequence_privilege('service_role', s.name, 'usage')
    union all
    -- The table's own constraints and triggers.
    select 4, row_number() over (order by c.conname)::integer, array['fits',
        format('the rule `%s` holds for rows of spile too: %s', c.conname, pg_catalog.pg_get_constraintdef(c.oid)), null]
      from pg_catalog.pg_constraint c
     where c.conrelid = home and kind = 'r' and c.contype in ('c', 'f', 'u', 'x') and c.conname <> 'integrations_managed_check'
    union all
    select 5, row_number() over (order by t.tgname)::integer, case
        when t.tgname = 'integrations_touch' then array['conflict', 'the trigger `integrations_touch` is your own',
          'alter trigger integrations_touch on public.integrations rename to integrations_touch_own;']
        else array['fits', format('the trigger `%s` runs for rows of spile too', t.tgname), null] end
      from pg_catalog.pg_trigger t
     where t.tgrelid = home and kind = 'r' and not t.tgisinternal and not (is_ours and t.tgname = 'integrations_touch')
    union all
    -- Who uses the table. Visitors lose their rights. If a policy shows them rows, an app relies on it.
    select 6, row_number() over (order by v.name)::integer, case
        when not c.relrowsecurity then array['changed',
          format('`%s` has rights on the table, which the migration takes', v.name), null]
        else array['conflict', format('a policy shows rows to `%s`, and the migration takes every right from it: take its '
          'rights yourself if no app needs them', v.name), null] end
      from visitors v, pg_catalog.pg_class c
     where c.oid = home and kind = 'r' and (v.has_policy or not c.relrowsecurity)
    union all
    select 7, row_number() over (order by r.rolname)::integer, array['conflict',
        format('`%s` uses the table without a policy, and the migration turns row level security on', r.rolname),
        format('create policy %I on public.integrations to %I using (true) with check (true);', r.rolname, r.rolname)]
      from pg_catalog.pg_class c
      join pg_catalog.pg_roles r on r.oid in (select grantee from pg_catalog.aclexplode(c.relacl))
     where c.oid = home and kind = 'r' and not c.relrowsecurity and not r.rolsuper and not r.rolbypassrls
       and r.rolname not in ('anon', 'authenticated', 'service_role', 'spile_planner')
       and not pg_catalog.pg_has_role(r.oid, c.relowner, 'usage')
       and not exists (select from pg_catalog.pg_policy p
                        where p.polrelid = home and (p.polroles @> array[r.oid] or p.polroles @> array[0::oid]))
    union all
    -- The other tables, and other objects with the same names.
    select 8, o.place, case
        when t.oid is null then array['added', format('the table `public.%s`', o.name), null]
        when t.relkind <> 'r' then array['conflict', format('`public.%s` is your own, and is no table', o.name), null]
        when t.lacks is not null then
          array['conflict', format('the table `public.%s` is your own: spile''s has %s', o.name, t.lacks), null]
        else array['fits', format('the table `public.%s`', o.name), null]
      end
      from others o left join tables t using (place)
    union all
    select 9, row_number() over (order by i.name)::integer, array['conflict',
        format('the name `public.%s` is taken, and an index of spile has it', i.name), null]
      from indexes i
      join pg_catalog.pg_class c on c.oid = to_regclass('public.' || i.name)
      left join pg_catalog.pg_index x on x.indexrelid = c.oid
     where x.indrelid is distinct from to_regclass('public.' || i.of)
    union all
    select 10, row_number() over (order by f.name)::integer, array['conflict',
        format('the function `public.%s()` is your own', f.name),
        format('alter function public.%1$s() rename to %1$s_own;', f.name)]
      from (values ('integrations_touch', is_ours),
                   ('integration_runs_end', exists (select from tables where name = 'integration_runs' and lacks is null)),
                   ('integration_changes_stay', exists (select from tables where name = 'integration_changes' and lacks is null))
           ) as f(name, is_ours)
     where to_regprocedure('public.' || f.name || '()') is not null and not f.is_ours
       and to_regprocedure('public.spile_version()') is null
    union all
    select 11, 0, array['conflict', '`public.integrations_dashboard` is your own', null]
      from pg_catalog.pg_class c
     where is_renamed and c.oid = to_regclass('public.integrations_dashboard') and (c.relkind <> 'v' or not is_ours)
  )
  select jsonb_agg(jsonb_build_object('state', finding[1], 'what', finding[2], 'fix', finding[3]) order by part, place)
    into findings from found;

  -- The content of rows, and constraints on a status. Both refer to columns that may not exist, so they are separate.
  if kind = 'r' and not is_ours
     and exists (select from pg_catalog.pg_attribute where attrelid = home and attname = 'managed_by' and not attisdropped) then
    execute $rows$
      select count(*) from public.integrations i, to_jsonb(i) as r(doc)
       where r.doc->>'managed_by' <> ''
         and (coalesce(r.doc->>'environment', '') = '' or coalesce(r.doc->>'slug', '') = '')
    $rows$ into strays;
    if strays > 0 then
      findings := findings || jsonb_build_object('state', 'conflict', 'fix', null, 'what',
        format('in %s rows `managed_by` names something else than a project of spile', strays));
    end if;
  end if;
  for rule in
    select c.conname, pg_catalog.pg_get_expr(c.conbin, c.conrelid) as holds
      from pg_catalog.pg_constraint c
      join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attname = 'status' and c.conkey = array[a.attnum]
      join pg_catalog.pg_type t on t.oid = a.atttypid and t.typname in ('text', 'varchar')
     where c.conrelid = home and kind = 'r' and c.contype = 'c'
     order by c.conname
  loop
    execute format('select string_agg(status, '', '') from unnest($1) as s(status) where not (%s)', rule.holds)
      into refused using statuses;
    if refused is not null then
      findings := findings || jsonb_build_object('state', 'conflict',
        'what', format('the rule `%s` refuses words that spile writes into `status`: %s', rule.conname, refused),
        'fix', format('alter table public.integrations drop constraint %I;', rule.conname));
    end if;
  end loop;

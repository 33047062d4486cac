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
-- An existing table may lack any of these columns. The type of its own rows is null then.
alter table public.integrations add column if not exists type        text;
alter table public.integrations add column if not exists name        text;
alter table public.integrations add column if not exists config      jsonb not null default '{}';
alter table public.integrations add column if not exists secrets     jsonb not null default '{}';
alter table public.integrations add column if not exists status      text not null default 'pending';
alter table public.integrations add column if not exists created_at  timestamptz not null default now();
alter table public.integrations add column if not exists updated_at  timestamptz not null default now();
alter table public.integrations add column if not exists slug        text;
alter table public.integrations add column if not exists enabled     boolean not null default true;
alter table public.integrations add column if not exists managed_by  text;
alter table public.integrations add column if not exists environment text;

-- Generated, so that it is always correct, needs no trigger, and can be granted as a column. Each field is
-- quoted as an SQL literal, so that no two rows give the same text. Doubled backslashes make the cast to bytea the
-- identity.
alter table public.integrations add column if not exists content_hash text generated always as (
  encode(sha256(replace(
    quote_nullable(slug) || ',' || quote_nullable(type::text) || ',' || quote_nullable(name::text) || ',' ||
    quote_nullable(enabled::text) || ',' || quote_nullable(config::text) || ',' || quote_nullable(secrets::text),
    '\', '\\')::bytea), 'hex')
) stored;

-- Dashboards insert without an id. An existing table may generate ids in its own way, which is not changed.
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
    -- `not valid`: existing rows are not checked.
    alter table public.integrations add constraint integrations_managed_check check (
      managed_by is null
      or (managed_by <> '' and environment <> '' and slug <> '' and environment is not null and slug is not null
          and jsonb_typeof(config) = 'object' and jsonb_typeof(secrets) = 'object')) not valid;
  end if;
end $$;

-- `status` is not in the list, because a run does not make an integration newer.
create or replace function public.integrations_touch() returns trigger
language plpgsql security invoker set search_path = '' as $$
begin
  new.updated_at := now();
  return new;
end $$;
create or replace trigger integrations_touch
  before update of slug, type, name, enabled, config, secrets, managed_by, environment on public.integrations
  for each row execute function public.integrations_touch();


-- History -----------------------------------------------------------------------------------------------------------

-- Append-only. Rows are stored as written, so that changes made elsewhere can be detected and earlier states restored.
-- Secrets in them are ciphertext, as in the table itself.

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


-- Runs --------------------------------------------------------------------------------------------------------------

-- No foreign key: the history outlives its integration, and a run that was kept locally may arrive after its deletion.
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
  -- Before version 6, no run succeeded with a warning. The other words are the same, so existing rows need no check.
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

-- A finished run stays finished, even if its start arrives late from a machine that could not send it earlier.
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

-- Leases: only one of several machines syncs an integration at a time. A lease expires unless its holder renews it.
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

-- Bookmarks: the state that Meltano keeps for each pipeline, so that every machine continues where the last one
-- stopped. Rows are never deleted: a cleared bookmark is null, and stays null even if an old machine remembers more.
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

-- Alerts: what was sent to the channels of `[[notify]]`. One document per channel, which changes as a whole or not at
-- all, so that only one of several machines claims a message.
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


-- Version 5 knows runs that succeeded with a warning, and details of a run, as JSON. SQLite cannot change a check: the table is made anew.
alter table integration_runs rename to integration_runs_4;
drop index if exists integration_runs_newest;
drop index if exists integration_runs_newest_of;
create table integration_runs (
  id             text primary key,
  environment    text not null,
  integration_id text not null,
  slug           text not null,
  kind           text not null check (kind in ('test', 'sync')),
  status         text not null check (status in ('running', 'ok', 'warning', 'failed', 'cancelled')),
  state_id       text,
  loader_id      text,
  started_at     text not null,
  finished_at    text,
  records        integer check (records >= 0),
  error          text,
  log            text not null,
  streams         text not null default '{}',
  cause           text,
  attempts        integer not null default 1,
  full_refresh    integer not null default 0,
  bookmark_before text,
  bookmark_after  text,
  scheduled_for   text,
  host            text,
  details         text not null default '{}',
  check ((status = 'running') = (finished_at is null))
) without rowid;
insert into integration_runs
       (id, environment, integration_id, slug, kind, status, state_id, loader_id, started_at, finished_at,
       records, error, log, streams, cause, attempts, full_refresh, bookmark_before, bookmark_after,
       scheduled_for, host)
select id, environment, integration_id, slug, kind, status, state_id, loader_id, started_at, finished_at,
       records, error, log, streams, cause, attempts, full_refresh, bookmark_before, bookmark_after,
       scheduled_for, host
  from integration_runs_4;
drop table integration_runs_4;
create index integration_runs_newest on integration_runs (environment, started_at desc);
create index integration_runs_newest_of on integration_runs (environment, integration_id, started_at desc);

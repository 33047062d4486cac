-- Version 5 adds runs that succeeded with a warning, and details of a run as JSON. SQLite cannot change a check, so the
-- table is created again.
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

-- It also adds released rows, and the previous content of adopted rows.
create table integration_changes_5 (
  number         integer primary key autoincrement,
  apply_id       text,
  plan           text not null,
  environment    text not null,
  integration_id text not null,
  op             text not null check (op in ('create', 'update', 'delete', 'adopt', 'release')),
  managed_by     text not null,
  before_hash    text,
  after_hash     text,
  after          text,
  actor          text not null,
  source_rev     text,
  at             text not null,
  before         text
);
insert into integration_changes_5
       (number, apply_id, plan, environment, integration_id, op, managed_by, before_hash, after_hash, after, actor, source_rev, at)
select number, apply_id, plan, environment, integration_id, op, managed_by, before_hash, after_hash, after, actor, source_rev, at
  from integration_changes;
drop trigger integration_changes_stay;
drop trigger integration_changes_remain;
drop table integration_changes;
alter table integration_changes_5 rename to integration_changes;
create index integration_changes_newest_of on integration_changes (environment, managed_by, integration_id, number);
create index integration_changes_of_apply on integration_changes (apply_id);
create trigger integration_changes_stay before update on integration_changes
begin select raise(abort, 'integration_changes is append-only'); end;
create trigger integration_changes_remain before delete on integration_changes
when not exists (select 1 from integration_pruned p
                  where p.environment = old.environment and p.managed_by = old.managed_by
                    and not exists (select 1 from integration_applies a where a.id = old.apply_id and a.number >= p.before))
begin select raise(abort, 'integration_changes is append-only'); end;

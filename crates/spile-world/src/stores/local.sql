-- The local registry, version 5. Times are RFC 3339 in UTC. `config` and `secrets` contain JSON.
create table integrations (
  environment text not null,
  id          text not null,
  slug        text not null,
  type        text not null,
  name        text not null,
  enabled     integer not null default 1,
  config      text not null default '{}',
  secrets     text not null default '{}',
  status      text not null default 'pending',
  managed_by  text,
  created_at  text not null,
  updated_at  text not null,
  primary key (environment, id)
) without rowid;

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
create index integration_runs_newest on integration_runs (environment, started_at desc);
create index integration_runs_newest_of on integration_runs (environment, integration_id, started_at desc);

-- The delivery log, which lets only one of several programs claim a message. `told` is JSON.
create table integration_alerts (
  environment text    not null,
  managed_by  text    not null,
  channel     text    not null,
  version     integer not null,
  told        text    not null,
  updated_at  text    not null,
  primary key (environment, managed_by, channel)
) without rowid;

-- The columns of runs that version 3 adds.
alter table integration_runs add column streams text not null default '{}';
alter table integration_runs add column cause text;
alter table integration_runs add column attempts integer not null default 1;
alter table integration_runs add column full_refresh integer not null default 0;
alter table integration_runs add column bookmark_before text;
alter table integration_runs add column bookmark_after text;
alter table integration_runs add column scheduled_for text;
alter table integration_runs add column host text;

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

create table integrations (
  id uuid primary key default gen_random_uuid(),
  type text not null,
  name text not null,
  config jsonb not null default '{}',
  status text not null default 'active'
);
create table integration_runs (
  id bigint generated always as identity primary key,
  integration_id uuid not null references integrations on delete cascade,
  ok boolean not null,
  ran_at timestamptz not null default now()
);
insert into integrations (type, name) values ('crm', 'theirs');
-- The app:
set role service_role;
insert into integration_runs (integration_id, ok) select id, true from integrations where name = 'theirs';
update integration_runs set ok = false;
update integrations set name = 'newer' where name = 'theirs';

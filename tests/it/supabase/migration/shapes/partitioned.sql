create table integrations (
  id uuid not null default gen_random_uuid(),
  type text not null,
  name text not null,
  config jsonb not null default '{}',
  created_at timestamptz not null default now(),
  primary key (id, type)
) partition by list (type);
create table integrations_crm partition of integrations for values in ('crm');
insert into integrations (type, name) values ('crm', 'theirs');
-- The app:
set role service_role;
insert into integrations (type, name) values ('crm', 'new');
update integrations set name = name || '!';

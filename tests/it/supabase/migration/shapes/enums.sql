create type integration_type as enum ('crm', 'shop');
create type integration_status as enum ('active', 'inactive');
create table integrations (
  id uuid primary key default gen_random_uuid(),
  type integration_type not null default 'crm',
  name text not null,
  config jsonb not null default '{}',
  status integration_status not null default 'inactive',
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
insert into integrations (type, name) values ('shop', 'theirs');
-- The app:
set role service_role;
insert into integrations (type, name) values ('crm', 'new');
update integrations set status = 'active' where type = 'shop';

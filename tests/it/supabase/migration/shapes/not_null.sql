create table integrations (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null,
  type text not null,
  name text not null,
  config jsonb not null default '{}',
  status text not null default 'active',
  unique (organization_id, name)
);
insert into integrations (organization_id, type, name) values (gen_random_uuid(), 'crm', 'theirs');
-- The app:
set role service_role;
insert into integrations (organization_id, type, name) values (gen_random_uuid(), 'crm', 'new');
update integrations set name = name || '!' where organization_id is not null;

create table integrations (
  id uuid primary key default gen_random_uuid(),
  type text not null,
  name text not null,
  config jsonb not null default '{}',
  secrets jsonb,
  status text not null default 'pending',
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
insert into integrations (type, name) values ('crm', 'theirs');
-- The app:
set role service_role;
insert into integrations (type, name, config) values ('crm', 'new', '{"a": 1}');
update integrations set config = config || '{"b": 2}', status = 'active', updated_at = now();

create table integrations (
  id uuid primary key default gen_random_uuid(),
  type text not null,
  name text not null,
  config jsonb not null default '{}',
  secrets jsonb not null default '{}',
  status text not null default 'active',
  managed_by text not null default '',
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
insert into integrations (type, name) values ('crm', 'theirs');
-- The app:
set role service_role;
insert into integrations (type, name) values ('crm', 'new');
update integrations set name = name || '!', config = '{"a": 1}';

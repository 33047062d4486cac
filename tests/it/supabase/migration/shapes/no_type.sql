create table integrations (
  id uuid primary key default gen_random_uuid(),
  provider text not null default 'custom',
  name text not null,
  is_connected boolean not null default false,
  created_at timestamptz not null default now()
);
insert into integrations (provider, name) values ('slack', 'theirs');
-- The app:
set role service_role;
insert into integrations (provider, name) values ('github', 'new');
update integrations set is_connected = true, name = name || '!';

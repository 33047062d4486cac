create table integrations (
  id bigint generated always as identity primary key,
  type text not null,
  name text not null,
  config jsonb not null default '{}',
  secrets jsonb not null default '{}',
  status text not null default 'active',
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
insert into integrations (type, name) values ('crm', 'theirs');
-- The app:
set role service_role;
insert into integrations (type, name) values ('crm', 'new');
update integrations set name = 'newer' where id = 1;

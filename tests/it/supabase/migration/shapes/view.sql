create table connections (
  id uuid primary key default gen_random_uuid(),
  type text not null,
  name text not null,
  config jsonb not null default '{}',
  status text not null default 'active'
);
create view integrations as select * from connections;
insert into integrations (id, type, name, config, status) values (gen_random_uuid(), 'crm', 'theirs', '{}', 'active');
-- The app:
set role service_role;
insert into integrations (id, type, name, config, status) values (gen_random_uuid(), 'crm', 'new', '{}', 'active');
update integrations set name = name || '!';

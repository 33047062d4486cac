create table integrations (
  id text primary key,
  type varchar(40) not null,
  name varchar(255) not null,
  config json default '{}',
  secrets json,
  status text not null default 'active',
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
insert into integrations (id, type, name, config) values ('a', 'crm', 'theirs', '{"k": 1}');
-- The app:
set role service_role;
insert into integrations (id, type, name, config) values (gen_random_uuid()::text, 'crm', 'new', '{"k": 2}');
update integrations set config = '{"k": 3}' where config->>'k' = '1';

create table integrations (
  id uuid primary key default gen_random_uuid(),
  type text not null,
  name text not null,
  managed_by text
);
insert into integrations (type, name, managed_by) values ('crm', 'theirs', 'ada@example.com');
-- The app:
set role service_role;
insert into integrations (type, name, managed_by) values ('crm', 'new', 'ada@example.com');
update integrations set name = name || '!';

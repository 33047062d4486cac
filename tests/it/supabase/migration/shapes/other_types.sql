create table integrations (
  id uuid primary key default gen_random_uuid(),
  type text not null,
  name text not null,
  slug integer,
  environment smallint not null default 1,
  enabled text not null default 'yes',
  config jsonb not null default '{}',
  created_at timestamp default now()
);
insert into integrations (type, name, slug) values ('crm', 'theirs', 7);
-- The app:
set role service_role;
insert into integrations (type, name, slug) values ('crm', 'new', 8);
update integrations set enabled = 'no' where slug = 7;

reset role;
create role dashboard_app;
set role postgres;
create table integrations (
  id uuid primary key default gen_random_uuid(),
  type text not null,
  name text not null,
  position serial,
  config jsonb not null default '{}',
  status text not null default 'active'
);
grant select, insert, update on integrations to dashboard_app;
grant usage on sequence integrations_position_seq to dashboard_app;
revoke all on sequence integrations_position_seq from service_role;
insert into integrations (type, name) values ('crm', 'theirs');
-- The app:
set role dashboard_app;
insert into integrations (type, name) values ('crm', 'new');
do $$ begin
  update integrations set name = name || '!';
  if not found then raise exception 'no row is seen'; end if;
end $$;

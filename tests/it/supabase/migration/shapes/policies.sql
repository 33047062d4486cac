create table integrations (
  id uuid primary key default gen_random_uuid(),
  type text not null,
  name text not null,
  config jsonb not null default '{}',
  status text not null default 'active',
  user_id uuid
);
alter table integrations enable row level security;
create policy "Own rows" on integrations for all to authenticated
  using (user_id = (nullif(current_setting('request.jwt.claims', true), '')::jsonb->>'sub')::uuid)
  with check (true);
reset role;
create role dashboard_team;
set role postgres;
grant select, insert, update on integrations to dashboard_team;
create policy team on integrations to dashboard_team using (true) with check (true);
insert into integrations (type, name, user_id) values ('crm', 'theirs', '00000000-0000-0000-0000-000000000001');
-- The app:
set request.jwt.claims = '{"sub": "00000000-0000-0000-0000-000000000001"}';
set role authenticated;
insert into integrations (type, name, user_id) values ('crm', 'new', '00000000-0000-0000-0000-000000000001');
do $$ begin
  update integrations set name = name || '!';
  if not found then raise exception 'no row is seen'; end if;
end $$;

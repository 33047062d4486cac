create table integrations (
  id uuid primary key default gen_random_uuid(),
  type text not null,
  name text not null,
  status text not null default 'on' check (status in ('on', 'off')),
  edits integer not null default 0
);
create function integrations_touch() returns trigger language plpgsql as
  $$ begin new.edits := old.edits + 1; return new; end $$;
create trigger integrations_touch before update on integrations for each row execute function integrations_touch();
insert into integrations (type, name) values ('crm', 'theirs');
-- The app:
set role service_role;
insert into integrations (type, name) values ('crm', 'new');
do $$ begin
  update integrations set name = name || '!', status = 'off';
  if exists (select from integrations where edits = 0) then raise exception 'an edit is not counted'; end if;
end $$;

create table integrations (
  id varchar(64) primary key,
  type text not null,
  name text not null,
  config jsonb not null default '{}',
  status text not null default 'active' check (status in ('active', 'pending', 'error', 'paused', 'archived')),
  slug text not null,
  enabled boolean,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
create table integration_log (at timestamptz not null default now(), name text not null);
create function set_updated_at() returns trigger language plpgsql as
  $$ begin new.updated_at := now(); return new; end $$;
create trigger set_updated_at before update on integrations for each row execute function set_updated_at();
create function log_integration() returns trigger language plpgsql security definer set search_path = public as
  $$ begin insert into integration_log (name) values (new.name); return new; end $$;
create trigger log_integration after insert or update on integrations for each row execute function log_integration();
insert into integrations (id, type, name, slug) values ('a', 'crm', 'theirs', 'theirs');
-- The app:
set role service_role;
insert into integrations (id, type, name, slug, enabled) values (gen_random_uuid()::text, 'crm', 'new', 'new', true);
update integrations set name = name || '!', status = 'archived';

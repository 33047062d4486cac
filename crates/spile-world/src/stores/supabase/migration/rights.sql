-- Privileges ---------------------------------------------------------------------------------------------------------

-- Default privileges differ between projects, so everything is revoked first and then granted by name.
alter table public.integrations        enable row level security;
alter table public.integration_runs    enable row level security;
alter table public.integration_changes enable row level security;
alter table public.integration_applies enable row level security;
alter table public.integration_files   enable row level security;
alter table public.integration_leases  enable row level security;
alter table public.integration_alerts  enable row level security;
alter table public.integration_states  enable row level security;

revoke all on public.integrations, public.integration_runs, public.integration_changes, public.integration_applies,
  public.integration_files, public.integration_leases, public.integration_alerts, public.integration_states
  from public, anon, authenticated, service_role;
revoke all on sequence public.integration_changes_number_seq, public.integration_applies_number_seq
  from public, anon, authenticated, service_role;
revoke all on function public.spile_apply(jsonb), public.spile_rows(jsonb), public.spile_state(jsonb),
  public.spile_applies(jsonb), public.spile_left(jsonb), public.spile_last_runs(jsonb), public.spile_lease(jsonb),
  public.spile_release(jsonb), public.spile_tries(jsonb), public.spile_ends(jsonb),
  public.spile_keep_alerts(jsonb), public.spile_keep_state(jsonb), public.spile_exposure(),
  public.spile_revision(text, text), public.spile_version(), public.spile_planner_project(), public.spile_may_plan(text),
  public.spile_others(text), public.integrations_touch(),
  public.integration_changes_stay(), public.integration_runs_end()
  from public, anon, authenticated, service_role;

grant usage on schema public to service_role;
grant select, insert, update, delete on public.integrations to service_role;
grant select, insert, update on public.integration_runs to service_role;
grant select, insert, update, delete on public.integration_leases to service_role;
grant select, insert, update on public.integration_alerts, public.integration_states to service_role;
grant select, insert on public.integration_changes, public.integration_applies, public.integration_files to service_role;
grant execute on function public.spile_apply(jsonb), public.spile_rows(jsonb), public.spile_state(jsonb),
  public.spile_applies(jsonb), public.spile_left(jsonb), public.spile_last_runs(jsonb), public.spile_lease(jsonb),
  public.spile_release(jsonb), public.spile_tries(jsonb), public.spile_ends(jsonb),
  public.spile_keep_alerts(jsonb), public.spile_keep_state(jsonb), public.spile_exposure(),
  public.spile_revision(text, text), public.spile_version(), public.spile_planner_project(), public.spile_may_plan(text),
  public.spile_others(text) to service_role;

-- A role that can only plan: it reads the rows of the project in its key, and of other rows only what a plan shows.
do $$ begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'spile_planner') then
    create role spile_planner nologin;
  end if;
exception when insufficient_privilege or duplicate_object or unique_violation then
  raise notice 'spile_planner is not made here: %', sqlerrm;
end $$;
do $$ begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'spile_planner') then
    return;
  end if;
  revoke all on public.integrations, public.integration_runs, public.integration_changes, public.integration_applies,
    public.integration_files, public.integration_leases, public.integration_alerts, public.integration_states
    from spile_planner;
  grant usage on schema public to spile_planner;
  grant select (id, slug, type, name, enabled, config, secrets, managed_by, environment, content_hash)
    on public.integrations to spile_planner;
  grant select (number, integration_id, managed_by, environment, after_hash, after)
    on public.integration_changes to spile_planner;
  grant execute on function public.spile_rows(jsonb), public.spile_state(jsonb), public.spile_revision(text, text),
    public.spile_version(), public.spile_planner_project(), public.spile_may_plan(text), public.spile_others(text)
    to spile_planner;
  drop policy if exists spile_planner_reads on public.integrations;
  create policy spile_planner_reads on public.integrations for select to spile_planner
    using (managed_by = (select public.spile_planner_project()));
  drop policy if exists spile_planner_reads on public.integration_changes;
  create policy spile_planner_reads on public.integration_changes for select to spile_planner
    using (managed_by = (select public.spile_planner_project()));
end $$;
-- Separate from the rest: if this is refused, those who connect in another way can still use the planner.
do $$ begin
  if exists (select from pg_catalog.pg_roles where rolname = 'spile_planner')
     and not pg_catalog.pg_has_role('authenticator', 'spile_planner', 'member') then
    grant spile_planner to authenticator;
  end if;
exception when insufficient_privilege or undefined_object then
  raise notice 'spile_planner cannot be used through the API: %', sqlerrm;
end $$;

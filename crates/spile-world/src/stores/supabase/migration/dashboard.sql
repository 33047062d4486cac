
-- Dashboards --------------------------------------------------------------------------------------------------------

-- The eight columns that dashboards read. The view shows no more rows than the table does. It never shows secrets, so
-- reading it requires no privilege on that column.
create or replace view public.integrations_dashboard with (security_invoker = true) as
  select id, type, name, config, '{}'::jsonb as secrets, status, created_at, updated_at from public.integrations;
comment on view public.integrations_dashboard is 'The integrations, in the columns that dashboards read. `secrets` is always {}.';
revoke all on public.integrations_dashboard from public, anon, authenticated, service_role;
grant select on public.integrations_dashboard to service_role;

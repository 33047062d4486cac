//! Dashboards' own `integrations` tables. Either the migration works over such a table, and the app's own statements
//! keep working, or it refuses as a whole and names every conflict; a table with another name works beside each.

use std::collections::BTreeSet;

use serde_json::Value;
use spile_core::settings::{Home, TableName};
use spile_world::stores::supabase::{migration, table_check};

use crate::supabase::postgres::Postgres;

/// The outcome for a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The migration works over it.
    Works,
    /// The migration works after the statements that the check names.
    Fixable,
    /// The migration never works.
    Refused,
}

use Outcome::{Fixable, Refused, Works};

/// Shapes by name: a file has the statements that create the table and those of its app; with words that the check's
/// output contains.
const SHAPES: [(&str, &str, Outcome, &[&str]); 16] = [
    ("seed", include_str!("shapes/seed.sql"), Works, &[]),
    ("no_type", include_str!("shapes/no_type.sql"), Works, &[]),
    ("triggers", include_str!("shapes/triggers.sql"), Works, &[]),
    ("json", include_str!("shapes/json.sql"), Fixable, &["`config` is json", "`secrets` is json"]),
    (
        "enums",
        include_str!("shapes/enums.sql"),
        Fixable,
        &["`type` is integration_type", "`status` is integration_status"],
    ),
    ("managed_by", include_str!("shapes/managed_by.sql"), Fixable, &["`managed_by` always has a value"]),
    ("not_null", include_str!("shapes/not_null.sql"), Fixable, &["`organization_id` has to be given"]),
    (
        "own_role",
        include_str!("shapes/own_role.sql"),
        Fixable,
        &["`dashboard_app` uses the table without a policy", "`position` counts with"],
    ),
    (
        "own_touch",
        include_str!("shapes/own_touch.sql"),
        Fixable,
        &["trigger `integrations_touch`", "function `public.integrations_touch()`", "pending, active, error, paused"],
    ),
    ("bigint_id", include_str!("shapes/bigint_id.sql"), Refused, &["`id` is bigint"]),
    (
        "own_runs",
        include_str!("shapes/own_runs.sql"),
        Refused,
        &["`public.integration_runs` is your own: spile's has id uuid"],
    ),
    ("managed_by_people", include_str!("shapes/managed_by_people.sql"), Refused, &["in 2 rows `managed_by` names"]),
    ("view", include_str!("shapes/view.sql"), Refused, &["is a view"]),
    ("partitioned", include_str!("shapes/partitioned.sql"), Refused, &["is a partitioned table"]),
    (
        "other_types",
        include_str!("shapes/other_types.sql"),
        Refused,
        &["`slug` is integer", "`enabled` is text", "`environment` is smallint", "`created_at` is timestamp without"],
    ),
    ("policies", include_str!("shapes/policies.sql"), Refused, &["a policy shows rows to `authenticated`"]),
];

/// Everything that a migration could change, as one text.
const EVERYTHING: &str = "
    select c.relname, c.relkind, c.relowner, c.relrowsecurity, c.relacl, c.reloptions, pg_get_viewdef(c.oid)
      from pg_class c where c.relnamespace = 'public'::regnamespace order by 1;
    select attrelid::regclass, attname, atttypid::regtype, attnotnull, attgenerated from pg_attribute
     where attrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace) order by 1, attnum;
    select proname, proacl, md5(prosrc) from pg_proc where pronamespace = 'public'::regnamespace order by 1;
    select conrelid::regclass, conname, pg_get_constraintdef(oid) from pg_constraint
     where connamespace = 'public'::regnamespace order by 1, 2;
    select tgrelid::regclass, tgname from pg_trigger order by 1, 2;
    select polrelid::regclass, polname, polroles from pg_policy order by 1, 2;
    select md5(string_agg(i::text, '' order by i.id)) from integrations i;";

/// A shape in its own database.
struct Dashboard {
    postgres: &'static Postgres,
    database: String,
    app: &'static str,
}

impl Dashboard {
    fn new(postgres: &'static Postgres, sql: &'static str) -> Self {
        let (setup, app) = sql.split_once("-- The app:\n").unwrap();
        let database = postgres.new_database();
        postgres.sql(&database, &format!("set role postgres;\n{setup}")).unwrap();
        Self { postgres, database, app }
    }

    fn sql(&self, text: &str) -> String {
        self.postgres.sql(&self.database, text).unwrap_or_else(|error| panic!("{text}\n{error}"))
    }

    fn owner(&self, text: &str) -> Result<String, String> {
        self.postgres.sql_as("postgres", &self.database, text)
    }

    /// Runs the statements of its app.
    fn is_used(&self, when: &str) {
        if let Err(error) = self.postgres.sql(&self.database, self.app) {
            panic!("the app fails {when}: {error}");
        }
    }

    /// Returns the conflicts that the check finds: sentences with the statements that fix them.
    fn conflicts(&self, home: &Home) -> Vec<(String, Option<String>)> {
        let before = self.sql(EVERYTHING);
        let answer: Value = serde_json::from_str(&self.owner(&table_check(home)).unwrap()).unwrap();
        assert_eq!(self.sql(EVERYTHING), before, "it only asks");
        let findings = answer["findings"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let conflicts = findings.filter(|finding| finding["state"] == "conflict");
        conflicts.map(|finding| (text(&finding["what"]).unwrap(), text(&finding["fix"]))).collect()
    }

    /// Demands that the migration names all conflicts, and changes nothing.
    fn refuses(&self, conflicts: &[(String, Option<String>)]) {
        let before = self.sql(EVERYTHING);
        let error = self.owner(&migration(&Home::default())).unwrap_err();
        assert_eq!(self.sql(EVERYTHING), before, "{error}");
        assert!(error.contains("nothing was changed") && error.contains("write `table = \"NAME\"`"), "{error}");
        assert!(!error.contains("WARNING"), "{error}");
        for (what, fix) in conflicts {
            assert!(error.contains(what), "{error}");
            assert!(fix.as_ref().is_none_or(|fix| error.contains(fix)), "{error}");
        }
    }

    /// Demands that the migration works, twice, and spile with it: rows are created, changed, get a status and are
    /// deleted.
    fn is_migrated(&self, home: &Home) {
        for _ in 0..2 {
            self.owner(&migration(home)).unwrap();
        }
        self.postgres.sql(&self.database, &named(SPILE, &home.table)).unwrap();
    }
}

/// The statements that spile runs on its tables, as the service role.
const SPILE: &str = r#"
    set role service_role;
    create function pg_temp.apply(changes jsonb) returns jsonb language sql as $$
      select public.spile_apply(jsonb_build_object('v', 1, 'managed_by', 'acme', 'environment', 'prod', 'plan', 'p',
        'apply_id', gen_random_uuid(), 'actor', 'a', 'revision', public.spile_revision('acme', 'prod'), 'max_deletes', 1,
        'changes', changes)) $$;
    create function pg_temp.change(op text, id text, name text) returns jsonb language sql as $$
      select jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('op', op, 'id', id, 'expect',
        (select content_hash from public.integrations i where i.id::text = change.id),
        'row', case when op <> 'delete' then jsonb_build_object('slug', 'of-spile', 'type', 'salesforce', 'name', name,
          'enabled', true, 'config', '{"a": 1}'::jsonb, 'secrets', '{}'::jsonb) end))) $$;
    do $$
    declare own constant text := '00000000-0000-0000-0000-0000000000ff';
            word text;
    begin
      perform pg_temp.apply(pg_temp.change('create', own, 'New'));
      perform pg_temp.apply(pg_temp.change('update', own, 'Newer'));
      foreach word in array array['active', 'error', 'paused', 'pending'] loop
        update public.integrations set status = word where id::text = own and status <> 'gone';
      end loop;
      insert into public.integration_runs (id, managed_by, environment, integration_id, slug, kind, status, started_at)
      values (gen_random_uuid(), 'acme', 'prod', own, 'of-spile', 'sync', 'running', now());
      if not exists (select from public.integrations where id::text = own and name = 'Newer' and status = 'pending') then
        raise exception 'the row is not as it was written';
      end if;
      perform pg_temp.apply(pg_temp.change('delete', own, null));
      if public.spile_state('{"managed_by": "acme", "environment": "prod"}')->>'hashes' <> '{}' then
        raise exception 'a row is left';
      end if;
    end $$;"#;

/// Replaces the default table name in SQL.
fn named(sql: &str, table: &TableName) -> String {
    let words = sql.split("public.").enumerate().map(|(place, text)| {
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
        if place == 0 { text.to_owned() } else { format!("public.{}{}", table.named(&text[..end]), &text[end..]) }
    });
    words.collect()
}

#[test]
fn a_dashboards_own_table_works_or_is_refused_with_all_conflicts() {
    let Some(postgres) = Postgres::shared() else { return };
    let own = Home { table: "spile_integrations".parse().unwrap(), ..Home::default() };
    for (shape, sql, outcome, words) in SHAPES {
        let dashboard = Dashboard::new(postgres, sql);
        dashboard.is_used(&format!("as it was: {shape}"));
        let conflicts = dashboard.conflicts(&Home::default());
        let said: BTreeSet<&str> = conflicts.iter().map(|(what, _)| what.as_str()).collect();
        assert_eq!(said.len(), words.len(), "{shape}: {said:?}");
        assert!(words.iter().all(|word| said.iter().any(|what| what.contains(word))), "{shape}: {said:?}");
        if outcome != Works {
            dashboard.refuses(&conflicts);
            dashboard.is_used(&format!("after it was refused: {shape}"));
        }
        assert_eq!(dashboard.conflicts(&own), [], "{shape}");
        let theirs = "select md5(string_agg(i::text, '' order by i.id)) from integrations i";
        let before = dashboard.sql(theirs);
        dashboard.is_migrated(&own);
        assert_eq!(dashboard.sql(theirs), before, "{shape}");
        dashboard.is_used(&format!("beside a table of another name: {shape}"));
        if outcome == Refused {
            assert!(conflicts.iter().any(|(_, fix)| fix.is_none()), "{shape}: {conflicts:?}");
            continue;
        }
        for (what, fix) in &conflicts {
            let fix = fix.as_ref().unwrap_or_else(|| panic!("{shape}: {what}"));
            dashboard.owner(fix).unwrap();
        }
        dashboard.is_used(&format!("after what was in the way was changed: {shape}"));
        assert_eq!(dashboard.conflicts(&Home::default()), [], "{shape}");
        dashboard.is_migrated(&Home::default());
        dashboard.is_used(&format!("over the migrated table: {shape}"));
        assert_eq!(dashboard.conflicts(&Home::default()), [], "{shape}, migrated");
    }
}

//! A registry beside a dashboard that has its own tables `integrations` and `integration_runs`.

use serde_json::Value;
use spile_core::settings::Home;
use spile_world::stores::supabase::migration;

use super::Machines;
use crate::folder::Folder;
use crate::project::Ran;
use crate::supabase::hosted::HostedRows;
use crate::supabase::parts::Supabase;

const DASHBOARD: &str = "set role postgres;
    create type integration_type as enum ('crm', 'shop');
    create table integrations (id bigint generated always as identity primary key, type integration_type, config json);
    create table integration_runs (id bigint generated always as identity primary key, ok boolean not null);
    insert into integrations (type, config) values ('crm', '{\"k\": 1}');
    insert into integration_runs (ok) values (true);";

#[test]
fn a_registry_beside_a_dashboards_own_table_is_used_from_the_first_apply_to_a_rollback() {
    let Some(database) = Supabase::start() else { return };
    database.sql(DASHBOARD);
    let theirs = "select string_agg((i, r)::text, ',') from integrations i, integration_runs r";
    let before = database.sql(theirs);
    let home = Home { table: "spile_integrations".parse().unwrap(), ..Home::default() };
    database.migrate_as(&home).unwrap();
    let machines = Machines::over(HostedRows { database, folder: Folder::new() }, "table = 'spile_integrations'\n");
    let database = &machines.subject.database;
    let ran = |words: &[&str]| Ran(machines.command(&machines.one, words).output().unwrap());
    assert_eq!(ran(&["migrate"]).succeeds().stdout(), migration(&home));
    ran(&["migrate", "--check"]).succeeds();
    ran(&["plan", "--exit-code"]).succeeds();
    machines.sync(&machines.one);
    machines.sync(&machines.other);
    assert_eq!(machines.rows(), (1..=40).collect::<Vec<_>>(), "the second machine resumes where the first stopped");
    assert_eq!(database.sql("select count(*), min(status) from spile_integration_runs"), "2|ok");
    assert_eq!(database.sql("select count(*) from spile_integration_states"), "1");
    let listed = "set role service_role; select id, type, name, config->>'mode', secrets, status
                  from spile_integrations_dashboard where type = 'fault'";
    assert_eq!(database.sql(listed), "0b8a4c4e-6f0e-4f0c-9d0e-5a7f4b0c1d21|fault|things|step|{}|active");
    for role in ["anon", "authenticated"] {
        let refused =
            database.sql_as("supabase_admin", &format!("set role {role}; select id from spile_integrations_dashboard"));
        assert!(refused.unwrap_err().contains("permission denied"), "{role}");
    }
    assert!(ran(&["doctor"]).stdout().contains("no table is exposed"));
    let things = machines.one.read("integrations/things.toml");
    machines.one.write("integrations/things.toml", &things.replace("'step'", "'well'"));
    ran(&["apply", "--yes"]).succeeds();
    let mode = || database.sql("select config->>'mode' from spile_integrations where type = 'fault'");
    assert_eq!(mode(), "well");
    let history: Value = serde_json::from_str(&ran(&["history", "--format", "json"]).succeeds().stdout()).unwrap();
    let applies = history["applies"].as_array().unwrap();
    assert_eq!(applies.len(), 2, "{history}");
    ran(&["rollback", applies[1]["id"].as_str().unwrap(), "--yes"]).succeeds();
    assert_eq!(mode(), "step");
    machines.one.write("integrations/things.toml", &things);
    ran(&["plan", "--exit-code"]).succeeds();
    assert_eq!(database.sql(theirs), before, "the dashboard's tables are as they were");
}

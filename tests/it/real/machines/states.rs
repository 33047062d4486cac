//! Bookmarks in the registry that are changed by hand: on one machine, and undone on the other.

use serde_json::{Value, json};

use super::{Machines, STATE};
use crate::project::{Project, Ran};

impl Machines {
    fn json(&self, machine: &Project, words: &[&str]) -> Value {
        let output = self.command(machine, &[&["state"], words, &["--format", "json"]].concat()).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{words:?}: {error}: {output:?}"))
    }

    /// All that the registry keeps under the state's id, but how often it was written.
    fn stored(&self) -> String {
        self.subject.database.sql(&format!("select state from integration_states where state_id = '{STATE}'"))
    }
}

#[test]
fn a_change_on_one_machine_is_what_the_other_reads_from_and_undoes() {
    let Some(machines) = Machines::start() else { return };
    machines.sync(&machines.one);
    let kept = machines.stored();
    let set = machines.json(&machines.one, &["set", "things", "things", "5", "--yes"]);
    let change = set["changes"][0]["id"].as_str().unwrap_or_else(|| panic!("{set}")).to_owned();
    assert_eq!(machines.kept(), 5);
    let leases = machines.subject.database.sql("select count(*) from integration_leases");
    assert_eq!(leases, "0", "the lease is given back");
    let shown = machines.json(&machines.other, &["show", "things"]);
    assert_eq!((&shown["place"], &shown["written"]["by"]), (&json!("registry"), &json!(change)), "{shown}");
    assert_eq!(shown["bookmarks"][0]["since"]["id"], json!(change), "{shown}");
    let history = machines.json(&machines.other, &["history", "things"]);
    assert_eq!(
        (&history["history"][0]["id"], &history["history"][0]["before"]),
        (&json!(change), &json!("{\"bookmarks\": {\"things\": {\"last\": 20}}}")),
        "{history}"
    );
    machines.json(&machines.other, &["restore", "things", "--before", &change, "--yes"]);
    assert_eq!(machines.stored(), kept, "to the byte");
    machines.sync(&machines.other);
    assert_eq!(machines.began(), ["0", "20"]);
    machines.json(&machines.one, &["set", "things", "things", "15", "--yes"]);
    machines.sync(&machines.other);
    machines.json(&machines.other, &["clear", "things", "--yes"]);
    machines.sync(&machines.one);
    assert_eq!(machines.began(), ["0", "20", "15", "0"]);
}

#[test]
fn while_another_machine_has_the_lease_or_the_registry_is_away_nothing_is_written() {
    let Some(machines) = Machines::start() else { return };
    machines.sync(&machines.one);
    let kept = machines.stored();
    let id = machines.subject.database.sql("select integration_id from integration_runs limit 1");
    machines.subject.database.sql(&format!(
        "insert into integration_leases (managed_by, environment, integration_id, run, host, since, expires_at) \
         values ('real', 'dev', '{id}', gen_random_uuid(), 'elsewhere', now(), now() + interval '1 minute')"
    ));
    let busy = machines.json(&machines.other, &["clear", "things", "--yes"]);
    assert_eq!(busy["error"]["code"], "spile::state::busy", "{busy}");
    assert!(busy["error"]["message"].as_str().unwrap().contains("`elsewhere`"), "{busy}");
    let mut command = machines.command(&machines.one, &["state", "clear", "things", "--yes"]);
    Ran(command.env("SUPABASE_URL", "http://127.0.0.1:9").output().unwrap()).fails();
    assert_eq!(machines.stored(), kept);
    let states = machines.subject.database.sql("select count(*) from integration_states");
    assert_eq!(states, "1", "no change is remembered that was not made");
}

#[test]
fn where_another_backend_keeps_bookmarks_meltano_changes_them() {
    let Some(machines) = Machines::start() else { return };
    let settings = machines.one.read("spile.toml");
    let bucket = machines.shared.path().join("bucket");
    let lines = format!("{settings}[meltano]\nstate_backend = 'file://{}'\n", bucket.display());
    machines.one.write("spile.toml", &lines);
    machines.sync(&machines.one);
    let set = machines.json(&machines.one, &["set", "things", "things", "5", "--yes"]);
    assert_eq!(set["plans"][0]["changes"][0]["change"], "earlier", "{set}");
    let shown = machines.json(&machines.one, &["show", "things"]);
    assert_eq!((&shown["place"], &shown["bookmarks"][0]["value"]), (&json!("backend"), &json!(5)), "{shown}");
    machines.sync(&machines.one);
    let cleared = machines.json(&machines.one, &["clear", "things", "--yes"]);
    assert_eq!(cleared["changes"].as_array().map(Vec::len), Some(1), "{cleared}");
    machines.sync(&machines.one);
    assert_eq!(machines.began(), ["0", "5", "0"]);
}

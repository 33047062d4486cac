//! A job with a mapper keeps it: a mapper that hides names in Meltano also hides them in a sync of spile.

use crate::executable::write_script;
use crate::import::with;
use crate::project::Project;

const PROJECT: &str = "\
default_environment: dev
environments:
- name: dev
plugins:
  extractors:
  - name: tap-people
    namespace: tap_people
    executable: ./tap.py
    capabilities: [catalog, discover]
  - name: tap-guests
    namespace: tap_guests
    executable: ./tap.py
    capabilities: [catalog, discover]
  loaders:
  - name: target-lines
    namespace: target_lines
    executable: ./target.py
  mappers:
  - name: masker
    namespace: masker
    executable: ./masker.py
    mappings:
    - name: hide-names
      config: {hide: name}
  utilities:
  - name: tidy
    namespace: tidy
    executable: ./tidy.py
jobs:
- name: people
  tasks:
  - tap-people hide-names target-lines
- name: guests
  tasks:
  - tap-guests target-lines
  - tidy
";

const TAP: &str = r#"#!/usr/bin/env python3
import json, sys
schema = {"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}
if "--discover" in sys.argv:
    print(json.dumps({"streams": [{"tap_stream_id": "people", "stream": "people", "schema": schema, "metadata": []}]}))
else:
    print(json.dumps({"type": "SCHEMA", "stream": "people", "schema": schema, "key_properties": ["id"]}))
    for number, name in enumerate(["Ada Lovelace", "Alan Turing"]):
        print(json.dumps({"type": "RECORD", "stream": "people", "record": {"id": number, "name": name}}))
"#;

const MASKER: &str = r#"#!/usr/bin/env python3
import json, sys
hide = json.load(open(sys.argv[sys.argv.index("--config") + 1]))["hide"]
for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "RECORD":
        message["record"][hide] = "***"
    print(json.dumps(message), flush=True)
"#;

const TARGET: &str = r#"#!/usr/bin/env python3
import json, sys
with open("arrived.jsonl", "a") as file:
    for line in sys.stdin:
        if json.loads(line)["type"] == "RECORD":
            file.write(line)
"#;

fn project() -> Project {
    let project = with(PROJECT);
    for (name, text) in [("tap.py", TAP), ("masker.py", MASKER), ("target.py", TARGET), ("tidy.py", "#!/bin/sh\n")] {
        write_script(&project.path().join(name), text);
    }
    project
}

#[test]
fn a_job_with_a_mapper_hides_names_in_every_sync_too() {
    let project = project();
    let notes = project.json(&["import", "--yes"])["notes"].to_string();
    assert!(notes.contains("is part of the job `guests`, which also runs `tidy`"), "{notes}");
    assert!(notes.contains("run `meltano run guests`"), "{notes}");
    let people = project.read("integrations/tap-people.toml");
    assert!(people.contains("loader = \"target-lines\"\nmappers = [\"hide-names\"]\n"), "{people}");
    assert!(!project.read("integrations/tap-guests.toml").contains("loader"));
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["sync", "tap-people"]).succeeds();
    let arrived = project.read("arrived.jsonl");
    assert!(arrived.lines().count() == 2 && arrived.matches("***").count() == 2, "{arrived}");
    assert!(!arrived.contains("Ada") && !arrived.contains("Turing"), "{arrived}");
    // The plan shows the effect of removing the mapper, and no sync bypasses it.
    project.write("integrations/tap-people.toml", &people.replace("mappers = [\"hide-names\"]\n", ""));
    let plan = project.spile(&["plan"]).stdout();
    assert!(plan.contains("mappers") && plan.contains("existing rows stay unchanged"), "{plan}");
    project.spile(&["apply", "--yes"]).succeeds();
    for (slug, command) in [("tap-people", "meltano run people"), ("tap-guests", "meltano run guests")] {
        let said = project.spile(&["sync", slug]).fails().stderr();
        assert!(said.contains("spile::run::not_runnable") && said.contains(command), "{said}");
    }
    assert_eq!(project.read("arrived.jsonl"), arrived);
}

#[test]
fn a_schedule_of_an_imported_job_keeps_its_mappers() {
    let project = project();
    project.spile(&["import", "--yes"]).succeeds();
    let people = project.read("integrations/tap-people.toml");
    project.write("integrations/tap-people.toml", &people.replace("mappers", "schedule = \"@daily\"\nmappers"));
    project.spile(&["apply", "--yes"]).succeeds();
    let rendered = project.read("meltano.yml");
    assert!(rendered.contains("- tap-people hide-names target-lines\n"), "{rendered}");
    project.spile(&["plan", "--exit-code"]).succeeds();
}

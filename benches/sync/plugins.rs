//! Real plugins and one file of records, beside `meltano run` and beside other tools that load the same records.

use std::fmt::Write as _;

use crate::parts::{once, table};
use crate::rivals::{Rivals, rows_of};
use crate::shared::{DUCK, FILES, Project, lines, number_of, rows, turns};

/// How often each pair is measured.
const TURNS: usize = 3;

pub fn measure() {
    let count = number_of("SPILE_BENCH_ROWS", 100_000);
    let project = Project::new("plugins", "[project]\nname = 'bench'\n");
    project.write("data/rows.singer.jsonl", &messages(count));
    project.write("integrations/files.toml", FILES);
    project.write("integrations/duck.toml", DUCK);
    for (slug, loader) in [("to-files", "files"), ("to-duck", "duck")] {
        let text = format!(
            "type = 'singer-jsonl'\nloader = '{loader}'\n[config]\nsource = 'local'\nlocal.folders = ['data']\n"
        );
        project.write(&format!("integrations/{slug}.toml"), &text);
    }
    project.spile(&["up", "--yes"]);
    let rivals = Rivals::set_up(&project.folder);
    rivals.write_rows(count);

    let written = || assert_eq!(lines(&project.folder.join("output/rows.jsonl")), count);
    let loaded = |schema: &str| assert_eq!(rows_of(&project.folder.join("warehouse.duckdb"), schema, "rows"), count);
    let to_files = |act: &dyn Fn()| timed(&project, act, &written);
    let to_duck = |act: &dyn Fn(), schema: &str| timed(&project, act, &|| loaded(schema));

    table("Singer JSON Lines to JSON Lines");
    let [ours, theirs, sling] = turns(
        TURNS,
        [
            &|| to_files(&|| project.spile(&["sync", "to-files", "--retries", "0"])),
            &|| to_files(&|| project.meltano_run("tap-singer-jsonl--to-files", "target-jsonl--files")),
            &|| to_files(&|| rivals.sling()),
        ],
    );
    rows("spile sync", count, &ours, "meltano run", &theirs, "0.91");
    rows("spile sync", count, &ours, "Sling", &sling, "");

    table("Singer JSON Lines to DuckDB");
    let [ours, theirs, dlt, ingestr] = turns(
        TURNS,
        [
            &|| to_duck(&|| project.spile(&["sync", "to-duck", "--retries", "0"]), "raw"),
            &|| to_duck(&|| project.meltano_run("tap-singer-jsonl--to-duck", "target-duckdb--duck"), "raw"),
            &|| to_duck(&|| rivals.dlt_file(), "loaded"),
            &|| to_duck(&|| rivals.ingestr_file(), "loaded"),
        ],
    );
    rows("spile sync", count, &ours, "meltano run", &theirs, "1");
    rows("spile sync", count, &ours, "dlt", &dlt, "");
    rows("spile sync", count, &ours, "ingestr, from CSV", &ingestr, "");
}

/// Returns how long something takes that begins without a result, and checks the result.
fn timed(project: &Project, act: &dyn Fn(), check: &dyn Fn()) -> f64 {
    for result in ["output/rows.jsonl", "warehouse.duckdb", "warehouse.duckdb.wal"] {
        drop(std::fs::remove_file(project.folder.join(result)));
    }
    let took = once(act);
    check();
    took
}

/// Returns a stream of so many records as Singer messages.
pub fn messages(count: usize) -> String {
    let mut text = "{\"type\":\"SCHEMA\",\"stream\":\"rows\",\"schema\":{\"type\":\"object\",\"properties\":\
         {\"id\":{\"type\":\"integer\"},\"name\":{\"type\":[\"null\",\"string\"]},\
         \"updated_at\":{\"type\":[\"null\",\"string\"]}}},\"key_properties\":[\"id\"]}\n"
        .to_owned();
    for id in 0..count {
        let _ = writeln!(text, "{{\"type\":\"RECORD\",\"stream\":\"rows\",\"record\":{}}}", record(id));
    }
    text
}

/// Returns the record with this number, as JSON.
pub fn record(id: usize) -> String {
    format!("{{\"id\":{id},\"name\":\"row {id}\",\"updated_at\":\"2026-01-01T00:00:00Z\"}}")
}

//! The cost of a fixed project, in CPU instructions counted by valgrind: the same on a busy machine and on an idle one.
//! More than a twentieth above `snapshots/instructions.json` is a regression; more than a twentieth below it needs a
//! new snapshot.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::folder::{Folder, with_secrets};
use crate::tools::{is_on_the_path, said, skipped};

const INTEGRATIONS: u32 = 100;

/// The allowed deviation from the recorded count: one in this many.
const ONE_IN: u64 = 20;

const COUNTED: &str = "snapshots/instructions.json";

fn project() -> Folder {
    let folder = Folder::new();
    folder.write("spile.toml", "[project]\nname = \"counted\"\n");
    folder.write("integrations/files.toml", "type = \"jsonl\"\nkind = \"loader\"\n");
    for number in 0..INTEGRATIONS {
        let text = format!(
            "type = \"postgres\"\nname = \"Shop {number}\"\nloader = \"files\"\nschedule = \"@hourly\"\n\
             select = [\"public-orders.*\"]\n\n[config]\nhost = \"first.example.com\"\nuser = \"reader\"\n\
             database = \"shop\"\n\n[load]\nshared_tables = true\n\n"
        );
        folder.write(&format!("integrations/shop-{number:03}.toml"), &with_secrets(&text, &["password"]));
    }
    folder
}

/// Runs spile under valgrind; returns the number of instructions.
fn count(folder: &Folder, words: &str) -> u64 {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", env!("CARGO_BIN_EXE_spile")]);
    command.args(words.split(' ')).current_dir(folder.path()).env_clear();
    // Idle workers that look for work count too, and for a random time.
    command.env("PATH", "/usr/bin:/bin").env("HOME", folder.path()).env("RAYON_NUM_THREADS", "1");
    let said = said(&mut command, "");
    assert_eq!(said.code, Some(0), "{words}: {}{}", said.stdout, said.stderr);
    let counted = said.stderr.lines().find_map(|line| line.split_once("Collected : "));
    counted.expect("callgrind says it").1.trim().parse().unwrap()
}

fn rustc() -> String {
    let said = said(Command::new("rustc").arg("--version"), "");
    said.stdout.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn nothing_takes_more_instructions_than_before() {
    if !is_on_the_path("valgrind") {
        skipped("counting instructions", "valgrind");
        return;
    }
    let folder = project();
    let mut counts = BTreeMap::new();
    counts.insert("check", count(&folder, "check"));
    counts.insert("plan, all new", count(&folder, "plan"));
    counts.insert("apply, all new", count(&folder, "apply --yes"));
    counts.insert("plan, nothing changed", count(&folder, "plan --exit-code"));
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(COUNTED);
    if std::env::var_os("SPILE_BLESS").is_some() {
        let text = serde_json::json!({"rustc": rustc(), "instructions": counts});
        std::fs::write(path, format!("{text:#}\n")).unwrap();
        return;
    }
    let before: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    if before["rustc"] != rustc() {
        skipped("counting instructions", &format!("rustc {}, by which they were counted", before["rustc"]));
        return;
    }
    let far = counts.into_iter().filter_map(|(what, count)| {
        let before = before["instructions"][what].as_u64().unwrap();
        (count.abs_diff(before) > before / ONE_IN).then(|| format!("{what}: {count} instructions, {before} before"))
    });
    let far: Vec<String> = far.collect();
    assert!(far.is_empty(), "{}; `SPILE_BLESS=1` writes {COUNTED} anew", far.join("; "));
}

//! The extension for VS Code, run against a stub of the editor's API, with a line that the program writes.

use std::path::Path;
use std::process::Command;

use crate::folder::Folder;
use crate::tools::{is_on_the_path, said, skipped};

#[test]
fn the_extension_starts_the_server_and_reads_the_problems_of_a_check() {
    if !is_on_the_path("node") {
        skipped("the extension for VS Code", "node");
        return;
    }
    let folder = Folder::project();
    folder.write("integrations/fruit.toml", "# one\n# two\ntype = \"singer-jsnol\"\nloader = \"lake\"\n");
    let line = folder.spile("check --format github").exits(1).out;
    let test = Path::new(env!("CARGO_MANIFEST_DIR")).join("editors/vscode/test.js");
    let ran = said(Command::new("node").arg(test).env("SPILE_LINE", line.trim_end()), "");
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

//! The API's document: a snapshot, and a tool that generates requests from it to break the server.

use std::path::Path;
use std::process::Command;

use super::{RULES, Server};
use crate::folder::Folder;
use crate::{outputs, tools};

const SCHEMATHESIS: &str = "4.32.5";

fn install(folder: &Path) {
    outputs::install_python(folder, &[&format!("schemathesis=={SCHEMATHESIS}")]);
}

#[tokio::test]
async fn the_document_matches_its_snapshot() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &[]);
    let mut document = server.get("/api/openapi.json").await;
    // Objects are unordered.
    document.sort_all_objects();
    insta::with_settings!({ snapshot_path => "../../../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("openapi", serde_json::to_string_pretty(&document).unwrap());
    });
}

#[tokio::test]
async fn schemathesis_finds_no_server_error() {
    let folder = Folder::project();
    folder.write(".sops.yaml", RULES);
    let Some(venv) = tools::installed(&format!("schemathesis-{SCHEMATHESIS}"), "python3", install) else { return };
    // Integrations that it creates must not run: other tests cover runs, with the real Meltano.
    let server = Server::of_folder(&folder, &[]);
    // Its own script contains the temporary folder of the installation.
    let mut command = Command::new(venv.join("bin/python"));
    command.args(["-c", "from schemathesis.cli import schemathesis; schemathesis()"]);
    command.current_dir(folder.path()).args(["run", &format!("http://{}/api/openapi.json", server.address)]);
    command.args(["--header", &format!("Authorization: Bearer {}", server.token)]);
    command.args([
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
    ]);
    command.args(["--max-examples", "25", "--seed", "20261123", "--phases", "examples,coverage,fuzzing", "--no-color"]);
    command.args(["--exclude-path-regex", "(test|sync|discover|bulk)$"]);
    let said = tools::said(&mut command, "");
    assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
}

//! The repositories in `examples/`: each is checked, planned and applied in a copy, without a key and without a network.

use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

use crate::folder::Folder;
use crate::tools::{said, succeeds};

const NAMES: [&str; 3] = ["salesforce-to-duckdb", "postgres-to-postgres", "tenants"];

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

fn copy(name: &str) -> Folder {
    let folder = Folder::new();
    folder.lay(&example(name));
    folder
}

#[test]
fn an_example_is_right_and_wants_nothing_after_its_apply() {
    for name in NAMES {
        let folder = copy(name);
        folder.spile("check --strict").exits(0);
        folder.spile("fmt --check").exits(0);
        folder.spile("apply --yes").exits(0);
        folder.spile("plan --exit-code").exits(0);
    }
}

/// `prod` differs where the README says.
#[test]
fn the_environments_of_an_example_have_their_own_hosts_and_secrets() {
    let folder = copy("postgres-to-postgres");
    folder.spile("apply --yes --env prod").exits(0);
    folder.spile("plan --env prod --exit-code").exits(0);
    let planned = folder.spile("plan --env dev").out;
    assert!(planned.contains("localhost") && !planned.contains("replica.shop"), "{planned}");
}

/// The committed files are those that the script writes; a tenant that is gone loses its file.
#[test]
fn the_tenants_are_generated() {
    let folder = copy("tenants");
    let script = folder.join("generate.py");
    let generate = || {
        let mut python = Command::new("python3");
        python.arg(&script);
        python
    };
    succeeds(generate().arg("--check"));
    let tenants = folder.read("tenants.csv");
    folder.spile("apply --yes").exits(0);
    folder.write("tenants.csv", &tenants.replace("birch,Birch & Sons,db-1", "birch-2,\"Birch \"\"& Sons\"\"\",db-9"));
    assert_eq!(said(generate().arg("--check"), "").code, Some(1));
    succeeds(&mut generate());
    succeeds(generate().arg("--check"));
    folder.spile("fmt --check").exits(0);
    let planned = folder.spile("plan").out;
    assert!(planned.contains("+ birch-2 will be created") && planned.contains("- birch will be deleted"), "{planned}");
}

/// Every example is listed, and every link of a README leads to a file.
#[test]
fn the_readme_of_an_example_links_to_its_files() {
    let link = Regex::new(r"\]\(([^)#]+)(?:#[^)]*)?\)").unwrap();
    let top = std::fs::read_to_string(example("README.md")).unwrap();
    let mut folders: Vec<String> = std::fs::read_dir(example(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    folders.sort();
    let mut named = NAMES.to_vec();
    named.sort_unstable();
    assert_eq!(folders, named);
    assert!(folders.iter().all(|name| top.contains(&format!("]({name}/README.md)"))));
    for readme in [example("README.md")].into_iter().chain(NAMES.map(|name| example(name).join("README.md"))) {
        let text = std::fs::read_to_string(&readme).unwrap();
        for found in link.captures_iter(&text) {
            assert!(readme.parent().unwrap().join(&found[1]).exists(), "{}: {}", readme.display(), &found[1]);
        }
    }
}

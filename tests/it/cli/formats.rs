//! Which output goes where, and in which format.

use serde_json::{Value, json};

use super::program::run;
use crate::folder::Folder;

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn problems_are_data_when_asked_for() {
    let folder = Folder::project();
    folder.write("integrations/bad.toml", "type = \"singer-jsonl\"\nnmae = \"x\"\n[config]\nlocal.folders = 'é'\n");
    let came = folder.spile("check --format json").exits(1);
    let error = &came.json()["error"];
    assert_eq!(error["code"], "spile::files::problems");
    let problems = error["problems"].as_array().unwrap();
    let first = json!({
        "code": "spile::toml::unknown_key", "severity": "error", "message": "unknown key `nmae`",
        "help": "did you mean `name`?", "file": "integrations/bad.toml", "line": 2, "column": 1, "span": [22, 4],
    });
    assert_eq!(problems[0], first);
    assert_eq!((problems.len(), &problems[1]["line"], &problems[1]["column"]), (2, &json!(4), &json!(17)));
}

#[test]
fn check_without_problems_is_data_too() {
    let data = Folder::project().spile("check --format json").exits(0).json();
    assert_eq!(data, json!({"integrations": 2, "problems": [], "unset": []}));
}

#[test]
fn a_plan_is_data_as_the_design_says() {
    let folder = Folder::project();
    let plan = folder.spile("plan --format json").exits(0).json();
    for key in
        ["format_version", "id", "project", "environment", "revisions", "summary", "changes", "files", "problems"]
    {
        assert!(!plan[key].is_null(), "`{key}` is missing: {plan:#}");
    }
    assert_eq!(
        (&plan["format_version"], &plan["project"], &plan["environment"]),
        (&json!("1.0"), &json!("acme"), &json!("dev"))
    );
    assert_eq!(plan["id"].as_str().unwrap().len(), 64);
    assert_eq!(keys(&plan["revisions"]), ["meltano", "registry"]);
    assert_eq!(plan["summary"], json!({"create": 2, "update": 0, "delete": 0, "unchanged": 0, "unmanaged": 0}));
    let changes = plan["changes"].as_array().unwrap();
    let of = |slug: &str, target: &str| {
        changes.iter().find(|change| change["slug"] == slug && change["target"] == target).cloned().unwrap_or_default()
    };
    assert_eq!(changes.len(), 3);
    let row = of("fruit", "registry");
    assert_eq!((&row["action"], &row["consequence"]), (&json!("create"), &json!("none")));
    let field = json!({"path": "config.local.folders", "before": null, "after": ["data"]});
    assert!(row["fields"].as_array().unwrap().contains(&field), "{row:#}");
    assert_eq!(of("fruit", "meltano")["fields"], json!([]));
    assert_eq!(of("lake", "meltano")["action"], "create");
    let file = &plan["files"][0];
    assert_eq!((&file["path"], &file["action"]), (&json!("meltano.yml"), &json!("create")));
    assert!(file["diff"].as_str().unwrap().contains("@@ -0,0 +1,"));
}

#[test]
fn the_same_plan_has_the_same_bytes() {
    let folder = Folder::project();
    assert_eq!(folder.spile("plan --format json").out, folder.spile("plan --format json").out);
}

#[test]
fn errors_are_data_when_asked_for() {
    let folder = Folder::project();
    folder.write("meltano.yml", "version: 1\n");
    let came = folder.spile("plan --format json").exits(1);
    assert_eq!(came.json()["error"]["code"], "spile::meltano_yml::foreign");
}

#[test]
fn results_are_on_stdout_and_notes_on_stderr() {
    let folder = Folder::project();
    let came = folder.spile("apply --yes").exits(0);
    assert!(came.last_line().starts_with("Plan: 2 to create"), "{}", came.out);
    assert!(came.notes.contains("Wrote registry") && came.notes.contains("Applied: 2 created"), "{}", came.notes);
    assert!(!came.out.contains("Wrote"));
    let quiet = folder.spile("plan").exits(0);
    assert_eq!(quiet.notes, "");
}

#[test]
fn with_json_stdout_holds_one_document() {
    let folder = Folder::project();
    assert_eq!(folder.spile("apply --yes --format json").exits(0).json()["summary"]["create"], 2);
}

#[test]
fn colors_are_for_terminals_and_on_request() {
    let folder = Folder::project();
    let coloured = |line: &str, variable: Option<(&str, &str)>| {
        let mut command = folder.command(line);
        command.envs(variable);
        let came = run(&mut command).exits(0);
        came.out.contains('\u{1b}')
    };
    assert!(!coloured("plan", None), "no color without a terminal");
    assert!(!coloured("plan", Some(("NO_COLOR", "1"))));
    assert!(!coloured("plan --color never", Some(("CLICOLOR_FORCE", "1"))));
    assert!(coloured("plan --color always", None));
    assert!(!coloured("plan --format json --color always", None), "data are never coloured");
}

#[test]
fn problems_are_not_colored_without_a_terminal() {
    let folder = Folder::project();
    folder.write("integrations/bad.toml", "type = ");
    assert!(!folder.spile("check").exits(1).notes.contains('\u{1b}'));
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let folder = Folder::project();
    let mut child = folder.command("plan").stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

//! Variables that replace settings in files, and variables that files name but nobody has set.

use serde_json::json;

use crate::cli::schemas::holds;
use crate::project::{Project, things};

#[test]
fn a_dotenv_variable_that_overrides_a_files_value_is_a_warning() {
    let project = Project::with_fault("well");
    project.spile(&["sync", "things"]).succeeds();
    let variable = "TAP_FAULT__THINGS_MODE";
    project.write(".env", &format!("# Of yesterday.\nOTHER=1\nexport {variable}='fail'\n"));
    let failed = project.spile(&["sync", "things"]).fails();
    assert!(failed.stdout().contains("access token has expired"), "the run gets it: {}", failed.stdout());
    let checked = project.json(&["check"]);
    holds("check", &checked);
    let found = &checked["problems"][0];
    assert_eq!(found["code"], "spile::settings::overridden", "{checked}");
    assert_eq!(
        (&found["severity"], &found["file"], &found["line"]),
        (&json!("warning"), &json!("integrations/things.toml"), &json!(5))
    );
    assert!(found["message"].as_str().unwrap().contains(variable), "{found}");
    assert!(found["help"].as_str().unwrap().contains("`.env:3`"), "{found}");
    project.spile(&["check", "--strict"]).fails();
    let told = project.spile(&["doctor"]).stdout();
    assert!(told.contains(variable) && told.contains("integrations/things.toml:5"), "{told}");
    project.write(".env", "# TAP_FAULT__THINGS_MODE=fail\nTAP_FAULT_TOKEN=x\nTAP_FAULT_MODE=fail\n");
    project.spile(&["sync", "things"]).succeeds();
    assert_eq!(
        project.json(&["check"])["problems"],
        json!([]),
        "settings that the file does not set are not overridden"
    );
}

#[test]
fn a_variable_that_is_not_set_is_a_note_in_check_and_a_failure_before_a_run() {
    let project = Project::with_fault("well");
    project.write("integrations/things.toml", &things("${MODE_OF_TODAY}"));
    let checked = project.spile(&["check", "--strict"]).succeeds();
    assert!(
        checked.stderr().contains("`MODE_OF_TODAY` is not set here: a run of `things` needs it"),
        "{}",
        checked.stderr()
    );
    let data = project.json(&["check"]);
    holds("check", &data);
    assert_eq!(data["unset"], json!([{ "slug": "things", "environment": "dev", "names": ["MODE_OF_TODAY"] }]));
    assert!(project.spile(&["doctor"]).stdout().contains("`MODE_OF_TODAY`, not set here"));
    let failed = project.spile(&["sync", "things"]).fails();
    assert!(failed.stdout().contains("`things` needs `MODE_OF_TODAY`"), "{}", failed.stdout());
    project.write(".env", "MODE_OF_TODAY=well\n");
    assert_eq!(project.json(&["check"])["unset"], json!([]));
    project.spile(&["sync", "things"]).succeeds();
}

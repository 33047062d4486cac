//! Stock Meltano beside spile: what its own commands write into `meltano.yml` is no change, or is told.

use serde_json::{Value, json};

use crate::project::Project;

/// What Meltano writes as soon as it writes anything is the whole file, in its own form.
#[test]
fn a_project_that_stock_meltano_has_run_has_nothing_to_plan() {
    let project = Project::with_fault("well");
    let ran = project.meltano(&["--environment", "dev", "run", "tap-fault--things", "target-jsonl--files"]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let set = project.meltano(&["config", "set", "meltano", "cli.log_level", "info"]);
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
    let unset = project.meltano(&["config", "unset", "meltano", "cli.log_level"]);
    assert!(unset.status.success(), "{}", String::from_utf8_lossy(&unset.stderr));
    project.spile(&["plan", "--exit-code"]).succeeds();
    project.spile(&["drift"]).succeeds();
    let said: Value = serde_json::from_str(&project.spile(&["plan", "--format", "json"]).succeeds().stdout()).unwrap();
    assert_eq!((&said["files"], &said["meltano_edited"]), (&json!([]), &json!(false)));
}

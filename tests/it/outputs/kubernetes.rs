//! `CronJob`s, validated with the schemas of Kubernetes' own API.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

use super::{HOSTILE, output, task, tasks};
use crate::tools;

/// A validator that includes the schemas of Kubernetes' API.
const VALIDATE: &str = "kubernetes-validate==1.37.0";

/// The oldest API that accepts everything we write (earlier ones require more in a rule of `podFailurePolicy`), and the
/// newest that the validator knows.
const VERSIONS: [&str; 2] = ["1.29", "1.37"];

const DECLARED: &str = "template = 'kubernetes'\npath = 'cronjobs.yml'\n\
                        values = { image = 'ghcr.io/acme/spile:1', secret = 'spile', namespace = 'data', service_account = 'sync', retries = 0 }";

/// Returns the Python that has the validator; `None` if there is no `python3`.
pub fn python() -> Option<PathBuf> {
    let install = |folder: &Path| super::install_python(folder, &[VALIDATE]);
    tools::installed("kubernetes-validate-1.37.0", "python3", install).map(|folder| folder.join("bin/python"))
}

/// Returns the documents of a YAML text.
pub fn documents(text: &str) -> Vec<Value> {
    let all = yaml_serde::Deserializer::from_str(text).map(|one| Value::deserialize(one).unwrap());
    all.filter(|one| !one.is_null()).collect()
}

fn rendered(declared: &str) -> String {
    let long = "l".repeat(90);
    let all = [
        task("shop", "*/15 6-20 * * 5-7", "UTC", "Shop"),
        task("hostile", "@hourly", "Europe/Paris", HOSTILE),
        task(&long, "@weekly", "UTC", &long),
        task("ends-", "0 0 1 JAN *", "UTC", "-"),
        task("once", "@once", "UTC", "Once"),
        task("last", "0 0 L * *", "UTC", "Last"),
    ];
    output(HOSTILE, declared, &[]).render(&tasks(all)).unwrap()
}

#[test]
fn cron_jobs_match_the_kubernetes_api() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let minimal = "template = 'kubernetes'\npath = 'cronjobs.yml'\nvalues = { image = 'x' }";
    for declared in [DECLARED, minimal] {
        let path = folder.path().join("cronjobs.yml");
        std::fs::write(&path, rendered(declared)).unwrap();
        for version in VERSIONS {
            let mut validate = Command::new(&python);
            validate.args(["-m", "kubernetes_validate", "--strict", "-k", version]).arg(&path);
            let said = tools::said(&mut validate, "");
            assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
            assert_eq!(said.stdout.matches(" passed ").count(), 4, "{}", said.stdout);
        }
        // A validator that accepts everything would prove nothing.
        std::fs::write(&path, rendered(declared).replace("concurrencyPolicy", "concurrency")).unwrap();
        let mut validate = Command::new(&python);
        validate.args(["-m", "kubernetes_validate", "--strict"]).arg(&path);
        assert_ne!(tools::said(&mut validate, "").code, Some(0));
    }
}

#[test]
fn a_cron_job_runs_the_sync_of_its_integration() {
    let jobs = documents(&rendered(DECLARED));
    let job = |slug: &str| {
        jobs.iter()
            .find(|job| job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"][1] == slug)
    };
    let shop = job("shop").unwrap();
    assert_eq!(shop["spec"]["schedule"], "*/15 6-20 * * 5,6,0");
    assert_eq!(shop["spec"]["timeZone"], "Etc/UTC");
    assert_eq!(shop["metadata"]["annotations"]["spile/name"], "Shop");
    let pod = &shop["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["args"], serde_json::json!(["sync", "shop", "--env", "prod", "--no-input"]));
    assert_eq!(pod["containers"][0]["envFrom"][0]["secretRef"]["name"], "spile");
    assert_eq!(shop["spec"]["jobTemplate"]["spec"]["backoffLimit"], 0);
    let hostile = job("hostile").unwrap();
    assert_eq!(hostile["spec"]["timeZone"], "Europe/Paris");
    for annotation in ["spile/name", "spile/file"] {
        assert_eq!(hostile["metadata"]["annotations"][annotation], HOSTILE);
    }
    assert!(job("once").is_none() && job("last").is_none(), "Kubernetes has no time for them");
}

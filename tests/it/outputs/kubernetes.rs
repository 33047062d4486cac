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
                        values = { image = 'ghcr.io/acme/spile:1', secret = 'spile', own_secrets = true, namespace = 'data', service_account = 'sync', retries = 0, cpu = '1', memory = '2Gi' }";

/// One scheduler instead of `CronJob`s.
const SCHEDULER: &str = "template = 'kubernetes'\npath = 'spile.yml'\n\
                         values = { image = 'x', scheduler = true, volume = 'claim', host = 'spile.example.com' }";

/// Pages beside `CronJob`s.
const PAGES: &str =
    "template = 'kubernetes'\npath = 'spile.yml'\nvalues = { image = 'x', pages = true, namespace = 'data' }";

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
    for (declared, objects) in [(DECLARED, 5), (minimal, 6), (SCHEDULER, 5), (PAGES, 9)] {
        let path = folder.path().join("cronjobs.yml");
        std::fs::write(&path, rendered(declared)).unwrap();
        for version in VERSIONS {
            let mut validate = Command::new(&python);
            validate.args(["-m", "kubernetes_validate", "--strict", "-k", version]).arg(&path);
            let said = tools::said(&mut validate, "");
            assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
            assert_eq!(said.stdout.matches(" passed ").count(), objects, "{}", said.stdout);
        }
        // A validator that accepts everything would prove nothing.
        std::fs::write(&path, rendered(declared).replace("podSelector", "podSelection")).unwrap();
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
    let secrets = &pod["containers"][0]["envFrom"];
    assert_eq!(secrets[0]["secretRef"]["name"], "spile");
    assert_eq!(secrets[1]["secretRef"]["name"], shop["metadata"]["name"], "a Secret of its own");
    assert_eq!(pod["containers"][0]["resources"]["limits"]["memory"], "2Gi");
    assert_eq!(shop["spec"]["jobTemplate"]["spec"]["backoffLimit"], 0);
    let hostile = job("hostile").unwrap();
    assert_eq!(hostile["spec"]["timeZone"], "Europe/Paris");
    for annotation in ["spile/name", "spile/file"] {
        assert_eq!(hostile["metadata"]["annotations"][annotation], HOSTILE);
    }
    assert!(job("once").is_none() && job("last").is_none(), "Kubernetes has no time for them");
}

/// Returns the pods of all objects.
fn pods(objects: &[Value]) -> Vec<&Value> {
    let paths = ["/spec/template/spec", "/spec/jobTemplate/spec/template/spec"];
    objects.iter().filter_map(|object| paths.iter().find_map(|path| object.pointer(path))).collect()
}

#[test]
fn pods_have_no_rights_that_they_do_not_need() {
    for (declared, count) in [(DECLARED, 4), (SCHEDULER, 1), (PAGES, 5)] {
        let objects = documents(&rendered(declared));
        let pods = pods(&objects);
        assert_eq!(pods.len(), count, "{declared}");
        for pod in pods {
            assert_eq!(pod["automountServiceAccountToken"], false);
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
            assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
            let container = &pod["containers"][0]["securityContext"];
            let expected = serde_json::json!({
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}
            });
            assert_eq!(*container, expected);
        }
        let closed = objects.iter().find(|one| one["kind"] == "NetworkPolicy").unwrap();
        assert_eq!(closed["spec"]["policyTypes"], serde_json::json!(["Ingress"]));
        assert_eq!(closed["spec"]["ingress"], Value::Null, "nothing connects to a run");
    }
}

#[test]
fn one_scheduler_replaces_all_cron_jobs() {
    let text = rendered(SCHEDULER);
    let objects = documents(&text);
    assert!(objects.iter().all(|one| one["kind"] != "CronJob"));
    let pod = pods(&objects)[0];
    let args: Vec<&str> = pod["containers"][0]["args"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(args.starts_with(&["serve", "--read-only", "--bind", "0.0.0.0:8320", "--scheduler"]), "{args:?}");
    assert!(args.windows(2).any(|pair| pair == ["--host", "spile.example.com"]), "{args:?}");
    assert_eq!(pod["volumes"][0]["persistentVolumeClaim"]["claimName"], "claim");
    let probe = &pod["containers"][0]["readinessProbe"]["httpGet"];
    assert_eq!((&probe["path"], &probe["port"]), (&"/api/health".into(), &"http".into()));
    // What Kubernetes has no time for, the scheduler of spile does.
    assert_eq!(text.lines().filter(|line| line.starts_with("# spile: {")).count(), 6);
}

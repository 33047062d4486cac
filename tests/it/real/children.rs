//! What the child processes of a run receive, and what is recorded of their output.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;

use crate::canary::{self, OLD, Watch};
use crate::folder::Folder;
use crate::project::{FAULT, LOADER, Project, Ran, leftovers, things};

/// A registry key that looks like nothing else in a project.
const KEY: &str = "sb_secret_canary-Kp93";

/// A registry only in production, so that the default environment uses the local one.
const REGISTRY: &str = "[environments.dev]\n[environments.prod.registry]\nkind = 'supabase'\n\
                        url = '${SUPABASE_URL}'\nkey = '${SUPABASE_SECRET_KEY}'\n";

/// Variables that plugins may see: those passed on, and those set by spile, Meltano and the tap's own settings.
const OWN: [&str; 14] = [
    "AWS_PROFILE",
    "HOME",
    "HTTPS_PROXY",
    "LANG",
    "LOGGING_CONF_FILE",
    "NO_COLOR",
    "PATH",
    "PYTHONWARNINGS",
    "PWD",
    "SHLVL",
    "SINGER_SDK_LOG_CONFIG",
    "TMPDIR",
    "VIRTUAL_ENV",
    "_",
];

fn command(project: &Project, words: &[&str]) -> Command {
    let mut command = project.command(words);
    command.env("SUPABASE_SECRET_KEY", KEY).env("SUPABASE_URL", "https://canary-host.supabase.co");
    command.env("AWS_SECRET_ACCESS_KEY", "which nobody passes on").env("AWS_PROFILE", "reporting");
    command.env("HTTPS_PROXY", "http://me:canary-proxy@127.0.0.1:1").env("PYTHONHOME", "/nowhere");
    command.env("MELTANO_RUN_FULL_REFRESH", "true").env("SOPS_CONFIG", "/nowhere").env("SPILE_ACTOR", "me");
    command
}

fn ran(project: &Project, words: &[&str]) -> Ran {
    Ran(command(project, words).output().unwrap())
}

#[test]
fn a_loader_that_names_the_registrys_key_gets_nothing() {
    let project = Project::with_fault("well");
    project.write("spile.toml", &format!("{FAULT}{REGISTRY}"));
    let loader_of = |value: &str| LOADER.replace("[config]\n", &format!("[config]\ncustom_name = {value}\n"));
    // Meltano reads this file by itself.
    project.write(".env", &format!("SUPABASE_SECRET_KEY={KEY}\n"));
    // A missing variable stops the run before it starts.
    let named = "{ env = 'of-${SUPABASE_SECRET_KEY}-${AWS_SECRET_ACCESS_KEY}' }";
    project.write("integrations/files.toml", &loader_of(named));
    let failed = ran(&project, &["sync", "things"]).fails();
    assert!(failed.stdout().contains("`AWS_SECRET_ACCESS_KEY`"), "{}", failed.stdout());
    assert!(!project.path().join("output").exists());
    // Inside a text it is not a variable, and a folder that does not exist makes the loader print its path.
    for value in ["{ env = 'no/such/folder/${SUPABASE_SECRET_KEY}' }", "'no/such/folder/${SUPABASE_SECRET_KEY}'"] {
        project.write("integrations/files.toml", &loader_of(value));
        let failed = ran(&project, &["sync", "things"]).fails();
        assert!(!format!("{}{}", failed.stdout(), failed.stderr()).contains("canary"), "{}", failed.stdout());
    }
    assert!(!project.newest_run().to_string().contains("canary"));
}

#[test]
fn a_tap_sees_what_is_passed_on_and_its_own() {
    let project = Project::with_fault("environment");
    let settings = FAULT.replace("['TAP_FAULT_NOTES']", "['TAP_FAULT_NOTES', 'AWS_PROFILE']");
    project.write("spile.toml", &format!("{settings}{REGISTRY}"));
    ran(&project, &["sync", "things"]).succeeds();
    let log = project.spile(&["logs", "things"]).succeeds().stdout();
    assert!(!log.contains("canary"), "{log}");
    let names = log.split("the variables are: ").nth(1).unwrap().lines().next().unwrap();
    let names = names.split('"').next().unwrap().trim_end_matches('\\');
    let is_known = |name: &&str| {
        let families = ["LC_", "XDG_", "PIP_", "UV_", "MELTANO_", "PYTHON", "TAP_FAULT_", "TARGET_JSONL_", "SSL_CERT_"];
        let usual = ["USER", "LOGNAME", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];
        let more = ["NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY"];
        OWN.contains(name)
            || usual.contains(name)
            || more.iter().any(|known| known == name || known.to_lowercase() == **name)
            || families.iter().any(|family| name.starts_with(family))
    };
    let seen: BTreeSet<&str> = names.split_whitespace().collect();
    let unknown: Vec<_> = seen.iter().filter(|name| !is_known(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    for name in ["AWS_PROFILE", "HTTPS_PROXY", "PATH", "HOME"] {
        assert!(seen.contains(name), "{name} of {seen:?}");
    }
    for name in ["PYTHONHOME", "MELTANO_RUN_FULL_REFRESH", "SOPS_CONFIG", "SPILE_ACTOR"] {
        assert!(!seen.contains(name), "{name}");
    }
    assert!(log.contains("(secret)"), "the proxy is shown without its password");
}

#[test]
fn a_tap_that_says_its_settings_in_every_way_leaves_no_secret_in_any_byte() {
    let watch = Arc::new(Watch::new());
    let project = canary::project("tell-everything");
    let look = |words: &[&str]| {
        let output = project.spile(words).0;
        watch.look(&format!("stdout of {words:?}"), &output.stdout);
        watch.look(&format!("stderr of {words:?}"), &output.stderr);
        output.status
    };
    for mode in ["tell-everything", "offer-tell"] {
        let text = project.read("integrations/things.toml");
        let old = if text.contains("offer-tell") { "offer-tell" } else { "tell-everything" };
        project.write("integrations/things.toml", &text.replace(&things(old), &things(mode)));
        for words in [["test", "things"], ["sync", "things"], ["discover", "things"]] {
            look(&words);
        }
        for words in [&["logs", "things"][..], &["runs", "--format", "json"], &["status"]] {
            look(words);
        }
        // After the run, and before another one could clean up.
        watch.look_at_files(project.path());
    }
    let payload = project.path().join(".meltano/meltano.db");
    let text = String::from_utf8_lossy(&std::fs::read(payload).unwrap()).into_owned();
    assert!(text.contains("(secret)"), "Meltano has stored the tap's output");
    assert!(project.read("integrations/things.toml").contains("ENC["), "{OLD}");
    assert!(leftovers(&project).is_empty());
    watch.nothing_was_found();
}

#[test]
fn a_variable_that_opens_the_registry_cannot_be_passed_on() {
    let folder = Folder::project();
    let text = format!("[project]\nname = 'a'\n[run]\nenv = ['SUPABASE_SECRET_KEY', '$AWS']\n{REGISTRY}");
    folder.write("spile.toml", &text);
    let found = folder.spile("check --format json").exits(1).json();
    let codes: Vec<_> = found["error"]["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["code"].as_str().unwrap(), &one["line"]))
        .collect();
    assert_eq!(codes, [("spile::run::withheld_variable", &4.into()), ("spile::run::variable_name", &4.into())]);
}

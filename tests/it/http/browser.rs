//! The pages in a real browser: a user's walk through them with the keyboard alone, and an accessibility check of every
//! page.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Server;
use crate::project::{FRUIT, Project};
use crate::real;
use crate::salesforce::Salesforce;
use crate::secrets::sign_in::Provider;
use crate::tools::{self, Said};

/// Drives an installed browser; does not download one.
const PLAYWRIGHT: &str = "1.65.1";

/// Finds accessibility problems.
const AXE: &str = "4.14.1";

fn install(folder: &Path) {
    tools::install_npm(folder, &[&format!("playwright-core@{PLAYWRIGHT}"), &format!("axe-core@{AXE}")]);
}

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let all = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    all.into_iter().find(|program| program.is_file()).or_else(|| tools::skipped("the browser", "chromium"))
}

/// The folder for screenshots: in the documentation if requested, otherwise none.
fn shots() -> Option<PathBuf> {
    std::env::var_os("SPILE_SCREENSHOTS").map(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images"))
}

/// Lets a user of a server walk through its pages.
pub async fn walk(
    script: &str,
    server: &Server,
    project: &Path,
    environment: Vec<(&'static str, OsString)>,
) -> Option<Said> {
    let name = format!("browser-{PLAYWRIGHT}-{AXE}");
    let (tools, chromium) = (tools::installed(&name, "npm", install)?, chromium()?);
    let mut walk = Command::new("node");
    walk.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser").join(script));
    walk.env("TOOLS", &tools).env("CHROMIUM", chromium).env("ADDRESS", &server.address);
    walk.env("CODE", server.code.as_ref().unwrap()).env("PROJECT", project).envs(environment);
    // Wait for the walk on a thread that the server does not need.
    Some(tokio::task::spawn_blocking(move || tools::said(&mut walk, "")).await.unwrap())
}

#[tokio::test]
async fn a_user_adds_salesforce_syncs_and_fixes_a_failure_by_keyboard_alone() {
    let project = Project::with_fault("renewal");
    project.write("integrations/fruit.toml", FRUIT);
    project.write("data/fruit.singer.jsonl", include_str!("../../../crates/spile-ops/src/init/fruit.singer.jsonl"));
    project.spile(&["secrets", "init"]).succeeds();
    project.spile_with(&["secrets", "set", "things", "token", "--stdin"], "run-out-long-ago\n").succeeds();
    project.spile(&["apply", "--yes"]).succeeds();
    let server = Server::start(|words| project.command(words), &["--design"]);
    let shots = shots().map(|folder| ("SHOTS", folder.into_os_string()));
    let Some(said) = walk("walk.mjs", &server, project.path(), shots.into_iter().collect()).await else { return };
    assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
    assert!(server.stop().success());
}

#[tokio::test]
async fn a_test_in_the_wizard_shows_its_stages_can_be_canceled_and_leads_to_the_field_that_failed() {
    let project = Project::with_fault("renewal");
    project.spile(&["secrets", "init"]).succeeds();
    let server = Server::start(|words| project.command(words), &[]);
    let shots = shots().map(|folder| ("SHOTS", folder.into_os_string()));
    let said = walk("wizard_test.mjs", &server, project.path(), shots.into_iter().collect()).await;
    let Some(said) = said else { return };
    assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
    assert!(server.stop().success());
}

#[tokio::test]
async fn a_user_signs_in_to_salesforce_with_the_button_of_the_wizard_and_its_records_can_be_read() {
    let Some(salesforce) = Salesforce::start() else { return };
    let project = real::salesforce::connected();
    let server = Server::start(|words| salesforce.command(&project, words), &[]);
    salesforce.org().grant.callbacks.push(format!("http://{}/sign-in/callback", server.address));
    let environment = vec![("PROXY", salesforce.proxy().into()), ("PROVIDER", "login.salesforce.com".into())];
    let Some(said) = walk("sign_in.mjs", &server, project.path(), environment).await else { return };
    assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
    let shown = project.spile(&["secrets", "view", "my-crm", "--yes", "--format", "json"]).succeeds().stdout();
    let secrets: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(secrets["refresh_token"].as_str(), salesforce.org().grant.refresh_token.as_deref());
    assert!(!server.said().contains("hunter2"));
}

#[tokio::test]
async fn a_person_signs_in_at_a_provider_and_a_colleague_with_an_invitation() {
    let Some(provider) = Provider::start() else { return };
    let project = Project::new();
    let issuer = format!("http://{}", provider.host());
    let command = |words: &[&str]| {
        let mut command = project.command(words);
        command.env("SPILE_OIDC_CLIENT_SECRET", "hunter2-of-the-client");
        command
    };
    let server = Server::start(command, &["--jwt-issuer", &issuer, "--oidc-client-id", "acme"]);
    let invited = project.spile(&["login-code", "ben", "--role", "viewer", "--format", "json"]).succeeds().stdout();
    let invited: serde_json::Value = serde_json::from_str(&invited).unwrap();
    let environment =
        vec![("PROVIDER", provider.host().into()), ("INVITATION", invited["code"].as_str().unwrap().into())];
    let Some(said) = walk("login.mjs", &server, project.path(), environment).await else { return };
    assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
}

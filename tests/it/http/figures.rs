//! Every page in a real browser, measured: accessible in both schemes, readable on a narrow screen and zoomed in, and small.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use super::Server;
use super::browser::walk;
use super::lived::LivedIn;

/// Every page, by name, with placeholders for what differs between projects.
const ADDRESSES: &str = include_str!("../../browser/addresses.json");

/// The routes of pages.
const ROUTES: &str = include_str!("../../../crates/spile-server/src/ui.rs");

/// Addresses that lead elsewhere or answer with a part of a page.
const NO_PAGES: [&str; 11] = [
    "/",
    "/new/{kind}/{type}",
    "/plan",
    "/login/provider",
    "/login/callback",
    "/sign-in/callback",
    "/sign-in/end",
    "/events",
    "/runs/{id}/live",
    "/runs/{id}/log",
    "/notifications/toasts",
];

/// Returns whether an address belongs to a route.
fn matches(route: &str, address: &str) -> bool {
    let parts =
        |text: &str| text.split('?').next().unwrap_or_default().split('/').map(str::to_owned).collect::<Vec<_>>();
    let (route, address) = (parts(route), parts(address));
    let is_same = |(part, found): (&String, &String)| part.starts_with('{') || part == found;
    route.len() == address.len() && route.iter().zip(&address).all(is_same)
}

/// Walks through the pages of a project, as a person reads them.
async fn walk_as(reader: Reader, script: &str, project: &LivedIn) {
    let server = Server::of_folder(&project.folder, &["--design"]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut environment = vec![
        ("SUCCEEDED", project.succeeded.to_string().into()),
        ("FAILED", project.failed.to_string().into()),
        ("KEPT", root.join("tests/browser/trees").into_os_string()),
    ];
    environment.extend(reader.environment());
    environment.extend(std::env::var_os("SPILE_BLESS_SCREENS").map(|_| ("BLESS", OsString::from("1"))));
    let Some(said) = walk(script, &server, project.folder.path(), environment).await else { return };
    assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
    assert!(server.stop().success());
}

/// How a person reads the pages.
enum Reader {
    /// In London, in English.
    Near,
    /// In New York, with a browser in German.
    Far,
    /// Without scripts.
    Scriptless,
}

impl Reader {
    fn environment(&self) -> Vec<(&'static str, OsString)> {
        let (locale, zone) = match self {
            Self::Near | Self::Scriptless => ("en-GB", "Europe/London"),
            Self::Far => ("de-DE", "America/New_York"),
        };
        let scripts = if matches!(self, Self::Scriptless) { "off" } else { "on" };
        vec![("LOCALE", locale.into()), ("ZONE", zone.into()), ("SCRIPTS", scripts.into())]
    }
}

#[test]
fn every_page_is_among_those_that_are_measured() {
    let addresses: BTreeMap<String, String> = serde_json::from_str(ADDRESSES).unwrap();
    let routes = ROUTES.split(".route(\"").skip(1).filter_map(|rest| rest.split_once('"'));
    let pages = routes.filter(|(_, handlers)| handlers.lines().next().unwrap_or_default().contains("get("));
    let missing: Vec<&str> = pages
        .map(|(route, _)| route)
        .filter(|route| !NO_PAGES.contains(route) && !addresses.values().any(|address| matches(route, address)))
        .collect();
    assert_eq!(missing, [""; 0], "add them to tests/browser/addresses.json");
}

#[tokio::test]
async fn every_page_is_accessible_fits_a_narrow_screen_and_is_small() {
    walk_as(Reader::Near, "figures.mjs", &LivedIn::with(1_000).await).await;
}

#[tokio::test]
async fn a_person_elsewhere_reads_what_has_happened() {
    walk_as(Reader::Far, "lived.mjs", &LivedIn::with(8).await).await;
}

#[tokio::test]
async fn a_person_without_scripts_reads_every_page_and_uses_the_forms() {
    walk_as(Reader::Scriptless, "scriptless.mjs", &LivedIn::with(8).await).await;
}

#[tokio::test]
async fn a_screen_reader_finds_on_each_page_what_it_found_before() {
    walk_as(Reader::Near, "trees.mjs", &LivedIn::with(8).await).await;
}

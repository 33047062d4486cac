//! Every page in a real browser, measured: accessible in both schemes, readable on a narrow screen and zoomed in, and small.

use std::collections::BTreeMap;

use super::Server;
use super::browser::walk;
use super::lived::LivedIn;

/// Every page, by name, with placeholders for what differs between projects.
const ADDRESSES: &str = include_str!("../../browser/addresses.json");

/// The routes of pages.
const ROUTES: &str = include_str!("../../../crates/spile-server/src/ui.rs");

/// Addresses that lead elsewhere or answer with a part of a page.
const NO_PAGES: [&str; 10] = [
    "/",
    "/new/{kind}/{type}",
    "/plan",
    "/login/provider",
    "/login/callback",
    "/sign-in/callback",
    "/sign-in/end",
    "/events",
    "/runs/{id}/live",
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

/// Walks through the pages of a project, as somebody in a place sees them.
async fn walk_in(place: Place, script: &str, project: &LivedIn) {
    let (locale, zone) = place.names();
    let server = Server::of_folder(&project.folder, &["--design"]);
    let environment = vec![
        ("SUCCEEDED", project.succeeded.to_string().into()),
        ("FAILED", project.failed.to_string().into()),
        ("LOCALE", locale.into()),
        ("ZONE", zone.into()),
    ];
    let Some(said) = walk(script, &server, project.folder.path(), environment).await else { return };
    assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
    assert!(server.stop().success());
}

/// Where a person is.
enum Place {
    London,
    /// With a browser in German, as nobody expects.
    NewYork,
}

impl Place {
    fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::London => ("en-GB", "Europe/London"),
            Self::NewYork => ("de-DE", "America/New_York"),
        }
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
    walk_in(Place::London, "figures.mjs", &LivedIn::with(1_000).await).await;
}

#[tokio::test]
async fn a_person_elsewhere_reads_what_has_happened() {
    walk_in(Place::NewYork, "lived.mjs", &LivedIn::with(8).await).await;
}

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::connector::Catalog;
use crate::integration::check::{Completeness, Context};
use crate::integration::{FileName, Integration, check, draft};
use crate::name::EnvironmentName;
use crate::problem::Problems;
use crate::source::Source;

/// Returns an integration whose tap has these capabilities, and whose file contains this text.
fn integration(capabilities: &str, says: &str) -> Integration {
    let connector = format!(
        "[plugin]\nname = 'tap-x'\nnamespace = 'tap_x'\ncapabilities = [{capabilities}]\n\
         [[settings]]\nname = 'a'\n[metadata.orders.a]\nselected = false\n"
    );
    let mut problems = Problems::default();
    let catalog = Catalog::new(&[Source::new("connectors/x.toml", connector)], &mut problems);
    let mut draft = |environment: Option<&str>, text: String| {
        let environment = environment.map(|name| name.parse().unwrap());
        let name = FileName { slug: "shop".parse().unwrap(), environment };
        draft::read(&Source::new("integrations/shop.toml", text), name, &mut problems).unwrap()
    };
    let (base, over) =
        (draft(None, format!("type = 'x'\n{says}\n")), draft(Some("prod"), "[config]\na = 'over'\n".to_owned()));
    let context = Context { project: "p", catalog: &catalog, base: Completeness::Whole };
    let integration = check::integration(&base, &[&over], context, &mut problems).unwrap();
    assert!(!problems.any_error(), "{problems:?}");
    integration
}

/// A stream with these fields.
pub(super) fn stream(name: &str, fields: &[(&str, Inclusion)]) -> Stream {
    let field = |(path, inclusion): &(&str, Inclusion)| Field {
        path: path.split('.').map(str::to_owned).collect(),
        types: Vec::new(),
        inclusion: *inclusion,
    };
    Stream { fields: fields.iter().map(field).collect(), ..Stream::named(name) }
}

/// A stream with two fields.
fn plain(name: &str) -> Stream {
    stream(name, &[("a", Inclusion::Available), ("b", Inclusion::Available)])
}

#[test]
fn a_tap_accepts_a_selection_if_it_takes_a_catalog_or_its_capabilities_are_unknown() {
    for (capabilities, says, can) in [
        ("'catalog'", "", true),
        ("'discover', 'properties'", "", true),
        ("'discover', 'state'", "", false),
        ("", "", false),
        ("", "plugin = 'tap-y'", true),
        ("'discover'", "plugin = 'tap-y'", false),
    ] {
        assert_eq!(can_select(&integration(capabilities, says)), can, "{capabilities} {says}");
    }
}

#[test]
fn a_selection_counts_if_the_tap_accepts_one() {
    use Taken::{Automatic, Excluded, Selected};
    let take = |capabilities: &str, says: &str, name: &str| {
        let integration = integration(capabilities, says);
        Rules::of(&integration, &integration.base).take(&plain(name))
    };
    let select = "select = ['orders.*']";
    assert_eq!(take("'catalog'", select, "orders"), (Selected, vec![Excluded, Selected]));
    assert_eq!(take("'catalog'", select, "users"), (Excluded, vec![Excluded, Excluded]));
    let own = "select = ['orders.*']\n[metadata.orders.a]\nselected = true\n[metadata.orders.b]\nselected = false";
    assert_eq!(take("'catalog'", own, "orders"), (Selected, vec![Selected, Excluded]));
    let own = format!("plugin = 'tap-y'\n{select}");
    assert_eq!(take("'discover'", &own, "users"), (Automatic, vec![Automatic, Automatic]));
}

#[test]
fn a_discovery_is_valid_for_exactly_what_its_answer_depends_on() {
    let environment = |name: &str| name.parse::<EnvironmentName>().unwrap();
    let of = |says: &str, name: &str, installed: &str| {
        let integration = integration("'catalog'", says);
        key(&integration, &environment(name), &integration.connector.plugin, installed)
    };
    let first = of("", "dev", "tap-x 1");
    assert_eq!(first.len(), 64, "{first}");
    assert_eq!(of("name = 'Shop'\nselect = ['a.*']", "dev", "tap-x 1"), first);
    let all = BTreeSet::from([
        of("", "test", "tap-x 1"),
        of("", "dev", "tap-x 2"),
        of("plugin = 'tap-y'", "dev", "tap-x 1"),
        of("[config]\na = 'b'", "dev", "tap-x 1"),
        of("", "prod", "tap-x 1"),
        first,
    ]);
    assert_eq!(all.len(), 6);
}

#[test]
fn a_stream_is_found_by_its_whole_name() {
    let streams = vec![plain("order"), plain("orders")];
    let discovered = Discovered { key: "k".to_owned(), discovered_at: jiff::Timestamp::UNIX_EPOCH, streams };
    assert_eq!(discovered.stream("orders"), Some(&plain("orders")));
    assert_eq!(discovered.stream("order"), Some(&plain("order")));
    assert_eq!(discovered.stream("ord"), None);
}

#[test]
fn an_inclusion_is_stored_as_its_word() {
    for (word, inclusion) in Inclusion::WORDS {
        assert_eq!((inclusion.word(), Inclusion::of(word)), (word, Some(inclusion)));
        assert_eq!(json!(inclusion), json!(word));
    }
    assert_eq!(Inclusion::of("selected"), None);
}

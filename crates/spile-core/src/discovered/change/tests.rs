use super::*;
use crate::connector::{Catalog, Role};
use crate::discovered::tests::stream;
use crate::integration::check::{Completeness, Context};
use crate::integration::{FileName, check, draft};
use crate::problem::Problems;
use crate::source::Source;

/// An integration that watches its source.
fn shop(says: &str) -> Integration {
    let mut problems = Problems::default();
    let catalog = Catalog::new(&[], &mut problems);
    let name = FileName { slug: "shop".parse().unwrap(), environment: None };
    let text = format!("type = 'postgres'\n{says}\n[config]\nhost = 'x'\nport = 1\nuser = 'x'\ndatabase = 'x'\n");
    let draft = draft::read(&Source::new("integrations/shop.toml", text), name, &mut problems).unwrap();
    let context = Context { project: "p", catalog: &catalog, base: Completeness::Part };
    let shop = check::integration(&draft, &[], context, &mut problems).unwrap();
    assert!(!problems.any_error(), "{problems:?}");
    shop
}

/// A stream whose columns have these types. Names of nested columns have dots.
fn table(name: &str, columns: &[(&str, &str)]) -> Stream {
    let mut made = stream(name, &columns.iter().map(|(name, _)| (*name, Inclusion::Available)).collect::<Vec<_>>());
    for (field, (_, types)) in made.fields.iter_mut().zip(columns) {
        field.types = vec![(*types).to_owned()];
    }
    Stream { primary_key: vec!["id".to_owned()], ..made }
}

fn changes(shop: &Integration, before: &[Stream], now: &[Stream]) -> Vec<Change> {
    let postgres = Catalog::built_in(Role::Extractor, "postgres").unwrap();
    let of = |streams: &[Stream]| Contract::of(streams, &postgres);
    let rules = Rules::of(shop, &shop.base);
    Watch { rules: &rules, schema: &shop.base.schema }.changes(&of(before), &of(now), now)
}

fn told(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|change| format!("{}: {}", change.reaction.word(), change.sentence())).collect()
}

const ASKS: &str = "[schema]\nnew_streams = 'ask'\nnew_columns = 'ask'\nremoved_columns = 'ask'\ntype_changes = 'ask'";

#[test]
fn new_lost_and_retyped_columns_are_reported_by_stream() {
    let before = [
        table("public-gone", &[("id", "integer")]),
        table("public-orders", &[("amount", "integer"), ("id", "integer"), ("why", "string")]),
    ];
    let mut now = [
        table("public-fresh", &[("id", "integer")]),
        table("public-orders", &[("amount", "number"), ("id", "integer"), ("reason", "string")]),
    ];
    now[1].primary_key.push("amount".to_owned());
    let found = changes(&shop(ASKS), &before, &now);
    let wanted = [
        "ask: `public-fresh` is a new stream with 1 column",
        "take: `public-gone` is gone",
        "ask: the primary key of `public-orders` was `id` and is now `id, amount`",
        "ask: `public-orders` no longer has the column `why` (string); it may now be called `reason`",
        "ask: `public-orders` has a new column `reason` (string); it may be a rename of `why`",
        "ask: `public-orders.amount` was `integer` and is now `number`",
    ];
    assert_eq!(told(&found), wanted);
    assert_eq!(changes(&shop(ASKS), &now, &now), []);
}

#[test]
fn a_rename_is_guessed_only_if_one_column_of_a_type_was_removed_and_one_added() {
    let before = [table("a", &[("id", "integer"), ("x", "string"), ("y", "integer")])];
    let now = [table("a", &[("id", "integer"), ("p", "string"), ("q", "string"), ("r", "number")])];
    let found = changes(&shop(""), &before, &now);
    assert_eq!(found.len(), 5);
    assert!(found.iter().all(|change| !change.sentence().to_string().contains("may be")), "{:?}", told(&found));
}

#[test]
fn changes_of_unread_columns_are_ignored_but_a_new_stream_is_reported() {
    let before = [table("a", &[("id", "integer"), ("secret", "string")]), table("b", &[("id", "integer")])];
    let now = [
        table("a", &[("card", "string"), ("id", "integer"), ("secret", "integer")]),
        table("b", &[("id", "string")]),
        table("c", &[("id", "integer"), ("x", "string")]),
    ];
    let shop = shop(&format!("select = ['a.*', '!a.secret', '!a.card']\n{ASKS}"));
    let found = changes(&shop, &before, &now);
    assert_eq!(told(&found), ["ask: `c` is a new stream with 2 columns, which `select` does not include"]);
    assert!(found[0].is_open() && asking(&found).is_empty(), "it does not affect runs");
    assert_eq!(found[0].consequence("shop"), None);
}

#[test]
fn a_nested_column_comes_and_goes_with_its_parent() {
    let before = [table("a", &[("id", "integer")])];
    let now = [table("a", &[("buyer", "object"), ("buyer.name", "string"), ("id", "integer")])];
    let shop = shop(ASKS);
    let found = changes(&shop, &before, &now);
    assert_eq!(told(&found), ["ask: `a` has a new column `buyer` (object)"]);
    assert_eq!(patterns(&found[0]), ["!a.buyer", "!a.buyer.*"]);
}

fn selected(shop: &Integration, before: &[Stream], now: &[Stream]) -> Result<Vec<String>, usize> {
    let found = changes(shop, before, now);
    let selected = without(&asking(&found), shop, &shop.base, now);
    let sorted = |all: indexmap::IndexSet<String>| {
        let mut all: Vec<String> = all.into_iter().collect();
        all.sort();
        all
    };
    selected.map(sorted).map_err(|left| left.len())
}

#[test]
fn a_run_excludes_new_columns_new_streams_and_retyped_streams() {
    let before = [table("a", &[("id", "integer")]), table("b", &[("id", "integer"), ("x", "string")])];
    let now = [
        table("a", &[("id", "integer"), ("n[1]", "string")]),
        table("b", &[("id", "integer"), ("x", "integer")]),
        table("c.d", &[("id", "integer")]),
    ];
    let wanted = ["!a.n[[]1]", "!b", "!c\\.d", "*.*"].map(str::to_owned).to_vec();
    assert_eq!(selected(&shop(&format!("select = ['*.*']\n{ASKS}")), &before, &now), Ok(wanted));
    let shop = shop(&format!("select = ['*.*']\n{ASKS}"));
    let mut selecting = shop.base.clone();
    selecting.select = selected(&shop, &before, &now).unwrap().into_iter().collect();
    let rules = Rules::of(&shop, &selecting);
    let taken: Vec<_> = now.iter().map(|stream| rules.take(stream)).collect();
    let read: Vec<_> =
        taken.iter().map(|(own, all)| (own.is_read(), all.iter().filter(|one| one.is_read()).count())).collect();
    assert_eq!(read, [(true, 1), (false, 0), (false, 0)]);
}

#[test]
fn a_stream_is_excluded_if_its_new_column_is_always_read() {
    let before = [table("a", &[("id", "integer")])];
    let mut now = [table("a", &[("id", "integer"), ("tenant", "integer")])];
    now[0].fields[1].inclusion = Inclusion::Automatic;
    let wanted = ["!a", "!a.tenant", "*.*"].map(str::to_owned).to_vec();
    assert_eq!(selected(&shop(&format!("select = ['*.*']\n{ASKS}")), &before, &now), Ok(wanted.clone()));
    now[0].fields[1].inclusion = Inclusion::Available;
    let by_metadata = format!("select = ['*.*']\n{ASKS}\n[metadata.a.tenant]\nselected = true");
    assert_eq!(selected(&shop(&by_metadata), &before, &now), Ok(wanted));
    let whole = format!("{by_metadata}\n[metadata.'*']\nselected = true");
    assert_eq!(selected(&shop(&whole), &before, &now), Err(1), "the files always select it");
}

#[test]
fn a_lost_column_excludes_nothing() {
    let before = [table("a", &[("id", "integer"), ("x", "string")])];
    let now = [table("a", &[("id", "integer")])];
    assert_eq!(selected(&shop(ASKS), &before, &now).unwrap().iter().filter(|one| one.starts_with("!a")).count(), 0);
    let found = changes(&shop("[schema]\nremoved_columns = 'fail'"), &before, &now);
    assert_eq!(failing(&found).len(), 1);
}

use super::*;
use crate::discovered::tests::stream;
use crate::integration::Integrations;
use crate::integration::tests::integrations;
use crate::problem::Problem;
use crate::source::Source;

const STRIPE: &str =
    "type = 'stripe'\nloader = 'lake'\nconfig = { account_id = 'a', start_date = 2024-01-01, client_secret = '$S' }\n";
const LAKE: &str = "type = 'postgres'\nkind = 'loader'\nconfig = { host = 'h', user = 'u', database = 'd', \
                    password = '$P', default_target_schema = 'raw' }\n";
const DUCK: &str = "type = 'duckdb'\nkind = 'loader'\nconfig = { path = 'a.duckdb', default_target_schema = 'main' }\n";

fn declared(files: &[(&str, &str)]) -> Integrations {
    let (found, mut problems) = integrations(files);
    problems.retain(|one| !one.ends_with("[spile::integration::canceled_select]"));
    assert_eq!(problems, Vec::<String>::new());
    found
}

/// The messages and codes found for these writers, whose streams may be known.
fn found(all: &Integrations, of: &[(&str, Option<&[Stream]>)]) -> Vec<String> {
    let environment: EnvironmentName = "dev".parse().unwrap();
    let writer = |(slug, streams): &(&str, Option<&'_ [Stream]>)| {
        let integration = all.find(slug).unwrap();
        let loader = all.find(integration.at(&environment).loader.as_ref().unwrap().as_str()).unwrap();
        (integration.clone(), loader.clone(), streams.map(<[Stream]>::to_vec))
    };
    let of: Vec<_> = of.iter().map(writer).collect();
    let writers = of.iter().map(|(integration, loader, streams)| Writer {
        integration,
        loader,
        environment: &environment,
        streams: streams.as_ref().map(|streams| streams.iter().collect()),
        is_other: true,
    });
    let place = |integration: &Integration| Some(Source::new(&integration.path, "loader").start());
    let mut problems = Problems::default();
    check(&writers.collect::<Vec<_>>(), &Within { words: "", place: &place }, &mut problems);
    let told = |problem: &Problem| format!("{problem:?}").split_once(": ").unwrap().1.to_owned();
    problems.into_report().problems().iter().map(told).collect()
}

fn streams(names: &[&str]) -> Vec<Stream> {
    names.iter().map(|name| stream(name, &[])).collect()
}

/// A stream in a schema of a database.
fn of_database(name: &str) -> Stream {
    Stream { schema: name.split_once('-').map(|(schema, _)| schema.to_owned()), ..stream(name, &[]) }
}

#[test]
fn two_streams_of_one_integration_in_one_table_are_a_problem_unless_intended() {
    let all = declared(&[("shop", STRIPE), ("lake", LAKE)]);
    let both = streams(&["App-Events", "Web-Events", "orders"]);
    let told = found(&all, &[("shop", Some(&both))]);
    assert_eq!(
        told,
        [
            "`lake` renames tables of `shop`: `App-Events` to `raw.Events`, `Web-Events` to `raw.Events` \
             [spile::tables::renamed]",
            "`shop` would write `App-Events` and `Web-Events` to `raw.Events`: their rows would be mixed \
             [spile::tables::shared]",
        ]
    );
    let all = declared(&[("shop", &format!("{STRIPE}load = {{ shared_tables = true }}\n")), ("lake", LAKE)]);
    assert_eq!(found(&all, &[("shop", Some(&both))]).len(), 1, "only the names");
}

#[test]
fn a_name_that_the_loader_rejects_is_reported_before_a_run_fails() {
    let long = "a".repeat(64);
    let told = |loader: &str, name: &str| {
        found(&declared(&[("shop", STRIPE), ("lake", loader)]), &[("shop", Some(&streams(&[name])))])
    };
    let refused = told(LAKE, &long);
    assert!(refused[0].contains("longer than 63 characters: `aaa") && refused.len() == 1, "{refused:?}");
    assert_eq!(told(LAKE, &long[1..]), [""; 0]);
    assert_eq!(told(DUCK, &long), [""; 0]);
}

#[test]
fn names_that_differ_only_in_case_are_one_table_if_the_loader_ignores_case() {
    let both = streams(&["Orders", "orders"]);
    let told = |loader: &str| found(&declared(&[("shop", STRIPE), ("lake", loader)]), &[("shop", Some(&both))]).len();
    assert_eq!((told(LAKE), told(DUCK)), (0, 1));
}

#[test]
fn streams_of_databases_may_lose_their_schema_without_a_warning() {
    let all = declared(&[("shop", STRIPE), ("lake", LAKE)]);
    assert_eq!(found(&all, &[("shop", Some(&[of_database("public-orders"), of_database("public-Users")]))]), [""; 0]);
    let told = found(&all, &[("shop", Some(&[of_database("public-orders"), of_database("audit-orders")]))]);
    assert_eq!(told.len(), 1, "two schemas of the source in one of the destination: {told:?}");
}

#[test]
fn a_schema_from_a_streams_name_is_reported_unless_the_source_has_it() {
    let loader = LAKE.replace("'raw'", "''");
    let all = declared(&[("shop", STRIPE), ("lake", &loader)]);
    let told = found(&all, &[("shop", Some(&[of_database("public-orders"), stream("Web-Events", &[])]))]);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("is not configured: `Web-Events` to `Web.Events`"), "{told:?}");
    assert!(told[1].contains("`Web-Events` to `Web.Events` [spile::tables::renamed]"), "{told:?}");
}

#[test]
fn integrations_that_write_the_same_tables_are_reported_if_both_are_known() {
    let all = declared(&[("eu", STRIPE), ("us", STRIPE), ("lake", LAKE)]);
    let told = found(&all, &[("eu", Some(&streams(&["a", "b", "c"]))), ("us", Some(&streams(&["b", "c", "d"])))]);
    let expected =
        "`eu` and `us` would write to `raw.b`, to `raw.c`: their rows would be mixed [spile::tables::shared]";
    assert_eq!(told, [expected]);
    assert_eq!(found(&all, &[("eu", Some(&streams(&["a"]))), ("us", Some(&streams(&["b"])))]), [""; 0]);
}

#[test]
fn a_schema_of_its_own_keeps_an_integration_apart() {
    let own = format!("{STRIPE}load = {{ schema = 'us' }}\n");
    let all = declared(&[("eu", STRIPE), ("us", &own), ("lake", LAKE)]);
    let same = streams(&["charges"]);
    assert_eq!(found(&all, &[("eu", Some(&same)), ("us", Some(&same))]), [""; 0]);
    assert_eq!(found(&all, &[("eu", None), ("us", None)]), [""; 0]);
}

#[test]
fn selections_are_compared_if_the_sources_are_not_known() {
    let with = |select: &str| format!("{STRIPE}select = [{select}]\n");
    let told = |one: &str, other: &str| {
        let all = declared(&[("eu", &with(one)), ("us", &with(other)), ("lake", LAKE)]);
        found(&all, &[("eu", None), ("us", None)])
    };
    let code =
        |told: Vec<String>| told.iter().map(|one| one.rsplit("::").next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(told("'charges.*'", "'refunds'"), [""; 0]);
    assert_eq!(
        told("'charges.*'", "'charges.id', 'refunds'"),
        ["`eu` and `us` would write to `raw.charges`: their rows would be mixed [spile::tables::shared]"]
    );
    assert_eq!(told("'charges.*', '!charges'", "'charges'"), [""; 0]);
    assert_eq!(code(told("'*.*'", "'refunds.*'")), ["maybe_shared]"]);
    assert_eq!(code(told("'cha*'", "'c*'")), ["maybe_shared]"]);
    assert_eq!(told("'cha*'", "'ref*'"), [""; 0]);
}

#[test]
fn sources_that_name_their_own_streams_are_not_suspected() {
    let files = "type = 'singer-jsonl'\nloader = 'lake'\nconfig.local.folders = ['x']\n";
    let all = declared(&[("eu", files), ("us", files), ("lake", LAKE)]);
    assert_eq!(found(&all, &[("eu", None), ("us", None)]), [""; 0]);
}

#[test]
fn loaders_with_the_same_settings_are_one_destination() {
    let other = STRIPE.replace("'lake'", "'pond'");
    let told = |pond: &str| {
        let all = declared(&[("eu", STRIPE), ("us", &other), ("lake", DUCK), ("pond", pond)]);
        found(&all, &[("eu", Some(&streams(&["charges"]))), ("us", Some(&streams(&["charges"])))]).len()
    };
    assert_eq!(told(DUCK), 1);
    assert_eq!(told(&DUCK.replace("a.duckdb", "b.duckdb")), 0);
    assert_eq!(told(&DUCK.replace("'main'", "'MAIN'")), 1, "DuckDB ignores case");
}

#[test]
fn an_imported_project_gets_a_warning_not_an_error() {
    let imported = |plugin: &str| format!("plugin = '{plugin}'\n{STRIPE}");
    let all = declared(&[("eu", &imported("tap-eu")), ("us", &imported("tap-us")), ("lake", LAKE)]);
    let same = streams(&["charges"]);
    let told = found(&all, &[("eu", Some(&same)), ("us", Some(&same))]);
    assert!(told[0].contains("[spile::tables::imported_shared]"), "{told:?}");
}

#[test]
fn renamed_streams_are_not_checked() {
    let renaming = LAKE.replace("host =", "stream_maps = { 'a-x' = { __alias__ = 'y' } }, host =");
    let all = declared(&[("shop", STRIPE), ("lake", &renaming)]);
    assert_eq!(found(&all, &[("shop", Some(&streams(&["a-x", "b-x"])))]), [""; 0]);
}

#[test]
fn one_file_for_all_streams_mixes_them() {
    let loader = "type = 'jsonl'\nkind = 'loader'\nconfig = { custom_name = 'all' }\n";
    let all = declared(&[("shop", STRIPE), ("lake", loader)]);
    let told = found(&all, &[("shop", Some(&streams(&["a", "b"])))]);
    assert!(told[0].contains("`a` and `b` to `all.jsonl`"), "{told:?}");
}

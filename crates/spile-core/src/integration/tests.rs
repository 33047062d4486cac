use serde_json::json;

use super::*;
use crate::connector::Catalog;
use crate::problem::{Problem, Problems};
use crate::settings::{self, ProjectSettings};
use crate::source::Source;

/// The settings of a project with two environments, `dev` and `prod`.
pub(crate) fn project() -> ProjectSettings {
    let text = "[project]\nname = 'acme'\n[environments.dev]\n[environments.prod]\n";
    settings::read(&Source::new("spile.toml", text), &mut Problems::default()).unwrap()
}

/// Reads files by their stems and texts, and returns their mistakes too.
pub(crate) fn integrations(files: &[(&str, &str)]) -> (Integrations, Vec<String>) {
    integrations_of(&[], files)
}

/// The same for a project with connectors of its own.
pub(crate) fn integrations_of(connectors: &[(&str, &str)], files: &[(&str, &str)]) -> (Integrations, Vec<String>) {
    let mut problems = Problems::default();
    let connector = |(stem, text): &(&str, &str)| Source::new(format!("connectors/{stem}.toml"), *text);
    let catalog = Catalog::new(&connectors.iter().map(connector).collect::<Vec<_>>(), &mut problems);
    let draft = |(stem, text): &(&str, &str)| {
        let source = Source::new(format!("integrations/{stem}.toml"), *text);
        draft::read(&source, FileName::of_stem(stem).unwrap(), &mut problems).unwrap()
    };
    let drafts: Vec<Draft> = files.iter().map(draft).collect();
    let found = merge::integrations(&drafts, &project(), &catalog, &mut problems);
    let report = problems.into_report();
    (found, report.problems().iter().map(|problem| format!("{problem:?}")).collect())
}

/// The file of a complete extractor.
pub(crate) const EXTRACTOR: &str = "type = 'singer-jsonl'\nconfig.local.folders = ['x']\n";

/// The file of a loader.
pub(crate) const LOADER: &str = "type = 'jsonl'\nkind = 'loader'\n";

#[test]
fn metadata_of_an_environment_is_applied_over_the_base() {
    let api = "type = 'rest-api'\nconfig.api_url = 'https://a.example'\nconfig.streams = [{ name = 'orders', path = '/o' }]\n";
    let base = format!("{api}[metadata.orders]\nreplication-method = 'INCREMENTAL'\nreplication-key = 'at'\n");
    let overlay = "[metadata.orders]\nreplication-key = 'id'\n[metadata.refunds]\nreplication-method = 'FULL_TABLE'\n";
    let (found, problems) = integrations(&[("bank", EXTRACTOR), ("shop", &base), ("shop.prod", overlay)]);
    assert_eq!(problems, Vec::<String>::new());
    let metadata =
        |slug: &str, environment: &str| json!(found.find(slug).unwrap().at(&environment.parse().unwrap()).metadata);
    assert_eq!(metadata("bank", "dev"), json!({}));
    let orders = |key: &str| json!({"replication-method": "INCREMENTAL", "replication-key": key});
    assert_eq!(metadata("shop", "dev"), json!({"orders": orders("at")}));
    let both = json!({"orders": orders("id"), "refunds": {"replication-method": "FULL_TABLE"}});
    assert_eq!(metadata("shop", "prod"), both);
}

#[test]
fn a_selection_is_rejected_if_the_tap_ignores_it_or_if_it_is_empty() {
    let of = |head: &str, tail: &str| integrations(&[("shop", &format!("{head}{EXTRACTOR}{tail}"))]).1;
    let told = |key: &str, line: usize| {
        format!(
            "integrations/shop.toml:{line}: `singer-jsonl` does not support selection: Meltano cannot pass `{key}` to its tap [spile::integration::no_selection]"
        )
    };
    assert_eq!(of("select = ['a.*']\n", ""), [told("select", 1)]);
    assert_eq!(of("", "[metadata.a]\nreplication-method = 'FULL_TABLE'\n"), [told("metadata", 3)]);
    let overlay = integrations(&[("shop", EXTRACTOR), ("shop.prod", "select = ['a.*']\n")]).1;
    assert_eq!(overlay, [told("select", 1).replace("shop.toml", "shop.prod.toml")]);
    assert_eq!(of("plugin = 'tap-own'\nselect = ['a.*']\n", ""), [""; 0], "a run checks plugins of the template");
    let empty = integrations(&[(
        "shop",
        "type = 'rest-api'\nselect = []\nconfig.api_url = 'https://a.example'\nconfig.streams = []\n",
    )])
    .1;
    assert_eq!(
        empty,
        ["integrations/shop.toml:2: `select` is empty: no stream would be read [spile::integration::empty_selection]"]
    );
}

#[test]
fn plugins_share_variables_if_only_their_punctuation_differs() {
    let named = |file: &str, plugin: &str| format!("plugin = '{plugin}'\n{file}");
    let problems = |first: &str, second: &str, of_second: &str| {
        let files = [("one", &*named(EXTRACTOR, first)), ("two", &*named(of_second, second))];
        integrations(&files).1
    };
    let shared = "integrations/two.toml:1: `two` and `tap-own` share the environment variables `TAP_OWN_*` \
                  [spile::integration::variables_shared]";
    assert_eq!(problems("tap-own", "tap_own", EXTRACTOR), [shared]);
    assert_eq!(problems("tap-own", "tap-other", EXTRACTOR), Vec::<String>::new());
    assert_eq!(problems("own", "own", LOADER), Vec::<String>::new(), "Meltano keeps the two lists apart");
}

#[test]
fn the_plugin_of_a_connector_has_variables_too() {
    let named = |plugin: &str| {
        let two = format!("plugin = '{plugin}'\n{EXTRACTOR}");
        integrations(&[("one", EXTRACTOR), ("two", &two)]).1
    };
    let shared = "integrations/two.toml:1: `two` and `tap-singer-jsonl` share the environment variables \
                  `TAP_SINGER_JSONL_*` [spile::integration::variables_shared]";
    assert_eq!(named("tap_singer_jsonl"), [shared]);
    assert_eq!(named("tap_singer"), Vec::<String>::new());
}

#[test]
fn connectors_share_a_plugin_if_they_install_the_same_with_the_same_role() {
    let connector = |kind: &str, package: &str| {
        format!("kind = '{kind}'\n[plugin]\nname = 'both'\nnamespace = 'both'\npip_url = '{package}'\n")
    };
    let problems = |kind: &str, package: &str| {
        let connectors = [("x", &*connector("extractor", "a==1")), ("y", &*connector(kind, package))];
        integrations_of(&connectors, &[("one", "type = 'x'\n"), ("two", &format!("type = 'y'\nkind = '{kind}'\n"))]).1
    };
    let differ = "integrations/two.toml:1: `y` and `x` both install the plugin `both`, but differ \
                  [spile::connector::plugin_shared]";
    assert_eq!(problems("extractor", "a==1"), Vec::<String>::new());
    assert_eq!(problems("extractor", "a==2"), [differ]);
    assert_eq!(problems("loader", "a==1"), [differ]);
}

/// Reads files, some of which are not TOML, and returns their mistakes.
fn problems_of_broken(files: &[(&str, &str)]) -> Vec<String> {
    let mut problems = Problems::default();
    let name = |stem: &str| FileName::of_stem(stem).unwrap();
    let source = |stem: &str, text: &str| Source::new(format!("integrations/{stem}.toml"), text);
    let mut drafts: Vec<Draft> =
        files.iter().filter_map(|(stem, text)| draft::read(&source(stem, text), name(stem), &mut problems)).collect();
    let sidecar = Source::new("integrations/shop.secrets.yaml", "sops: {}\n");
    secrets::attach(&mut drafts, &[(name("shop"), sidecar)], &mut problems);
    merge::integrations(&drafts, &project(), &Catalog::new(&[], &mut Problems::default()), &mut problems);
    let report = problems.into_report();
    report.problems().iter().map(|problem| format!("{} {}", problem.path(), problem.code())).collect()
}

#[test]
fn an_unreadable_file_does_not_make_its_overlay_and_sidecar_fail() {
    let overlay = ("shop.prod", "name = 'x'\n");
    assert_eq!(problems_of_broken(&[("shop", "type = \n"), overlay]), ["integrations/shop.toml spile::toml::syntax"]);
    let alone = [
        "integrations/shop.prod.toml spile::integration::overlay_without_base",
        "integrations/shop.secrets.yaml spile::secrets::sidecar_alone",
    ];
    assert_eq!(problems_of_broken(&[overlay]), alone);
    let broken_overlays = problems_of_broken(&[("shop.dev", "type = \n"), overlay]);
    assert_eq!(broken_overlays[1..], alone, "an overlay is not a base: {broken_overlays:?}");
}

#[test]
fn a_type_of_the_other_kind_is_reported_with_a_suggestion() {
    let connector = |kind: &str, name: &str| {
        format!("kind = '{kind}'\n[plugin]\nname = '{name}'\nnamespace = 'fast'\npip_url = 'x==1'\n")
    };
    let help = |connectors: &[(&str, &str)], text: &str| {
        let mut problems = Problems::default();
        let source = |(stem, text): &(&str, &str)| Source::new(format!("connectors/{stem}.toml"), *text);
        let catalog = Catalog::new(&connectors.iter().map(source).collect::<Vec<_>>(), &mut problems);
        let file = Source::new("integrations/x.toml", text);
        let draft = draft::read(&file, FileName::of_stem("x").unwrap(), &mut problems).unwrap();
        merge::integrations(&[draft], &project(), &catalog, &mut problems);
        problems.into_report().problems()[0].help().unwrap().to_string()
    };
    let (tap, target) = (connector("extractor", "tap-fast"), connector("loader", "target-fast"));
    let loader = "type = 'fast'\nkind = 'loader'\n";
    let told = help(&[("fast", &tap)], loader);
    assert_eq!(
        told,
        "`fast` is an extractor: write `kind = \"extractor\"` if you mean that one, or choose one from \
         `spile connectors list`, or define the loader in `connectors/`"
    );
    let told = help(&[("fast", &target)], "type = 'fast'\n");
    assert_eq!(told, "`fast` is a loader: add `kind = \"loader\"`");
    let both = [("fast", tap.as_str()), ("fast-loader", target.as_str())];
    assert_eq!(
        help(&both, loader),
        "did you mean `fast-loader`? To call it `fast`, add `name = \"fast\"` to its definition"
    );
}

#[test]
fn the_options_of_a_missing_setting_are_named() {
    let connector = "[plugin]\nname = 'tap-x'\nnamespace = 'tap_x'\npip_url = 'x==1'\n[[settings]]\nname = 'mode'\n\
                     kind = 'options'\nrequired = true\noptions = ['fast', 'full']\n";
    let mut problems = Problems::default();
    let catalog = Catalog::new(&[Source::new("connectors/x.toml", connector)], &mut problems);
    let file = Source::new("integrations/x.toml", "type = 'x'\n");
    let draft = draft::read(&file, FileName::of_stem("x").unwrap(), &mut problems).unwrap();
    merge::integrations(&[draft], &project(), &catalog, &mut problems);
    let report = problems.into_report();
    let helps: Vec<_> = report.problems().iter().filter_map(Problem::help).collect();
    assert_eq!(
        helps.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["add `mode` under `[config]`, set to one of `fast`, `full`"]
    );
}

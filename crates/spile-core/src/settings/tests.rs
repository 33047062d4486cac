use std::time::Duration;

use super::*;

fn parsed(text: &str) -> (Option<ProjectSettings>, Vec<String>) {
    let mut problems = Problems::default();
    let settings = read(&Source::new("spile.toml", text), &mut problems);
    let report = problems.into_report();
    (settings, report.problems().iter().map(|problem| format!("{problem:?}")).collect())
}

#[test]
fn a_name_is_enough() {
    let (settings, problems) = parsed("[project]\nname = 'acme'\n");
    let settings = settings.unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(settings.default_environment.as_str(), "dev");
    assert!(settings.environments.contains_key(&settings.default_environment));
    assert_eq!((settings.guard, settings.meltano.version.as_str()), (Guard::default(), MELTANO_VERSION));
}

#[test]
fn every_mistake_is_reported() {
    let text = "[project]\nname = ' '\ndefault_environment = 'prd'\n[meltano]\nversion = '>=4'\nextras = ['s3', 'a;b']\n\
                [guard]\nmax_delete_percent = 130\n[environments.prod]\nprotekted = true\n[environments.X]\n";
    let found = parsed(text).1;
    assert_eq!(
        found,
        [
            "spile.toml:2: the project's name is empty [spile::project::name]",
            "spile.toml:3: the environment `prd` is not declared [spile::project::environment]",
            "spile.toml:5: `>=4` is not an exact version of Meltano [spile::project::meltano_version]",
            "spile.toml:6: `a;b` is not a valid extra of Meltano [spile::project::meltano_extra]",
            "spile.toml:8: `max_delete_percent` is 130, not a whole number from 0 to 100 [spile::toml::wrong_kind]",
            "spile.toml:10: unknown key `protekted` [spile::toml::unknown_key]",
            "spile.toml:11: `environments`: `X` is not a valid name: use lowercase letters, digits, and dashes, starting with a letter or digit [spile::toml::invalid]",
        ]
    );
}

#[test]
fn meltano_is_of_one_version() {
    let told = |version: &str| parsed(&format!("[project]\nname = 'acme'\n[meltano]\nversion = '{version}'\n")).1.len();
    for exact in ["4.4.1", "4.0", "4.4.1rc2", "4"] {
        assert_eq!(told(exact), 0, "{exact}");
    }
    for other in ["latest", "v4.4.1", "4.*", "4.4.1 ", "4,<5", ""] {
        assert_eq!(told(other), 1, "{other}");
    }
}

#[test]
fn run_settings_are_read_and_have_defaults() {
    let text = "[project]\nname = 'acme'\nurl = 'https://spile.example.com/'\n[meltano]\nextras = ['s3']\n\
                [sync]\njobs = 4\ntimeout = '2h'\nretries = 0\n";
    let (settings, problems) = parsed(text);
    let settings = settings.unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(settings.url.as_deref(), Some("https://spile.example.com"));
    assert_eq!(settings.meltano.extras, ["s3".to_owned()].into());
    let expected = Sync { jobs: Some(4), timeout: Some(Duration::from_hours(2)), retries: 0, ..Sync::default() };
    assert_eq!(settings.sync, expected);
    let found = parsed("[project]\nname = 'a'\nurl = 'x'\n[sync]\njobs = 0\ntimeout = 'soon'\nretry = 1\n").1;
    let none = |line: &str| parsed(&format!("[project]\nname = 'a'\n[sync]\n{line}\n")).1;
    assert_eq!(none("timeout = '-5m'"), ["spile.toml:4: `timeout`: `-5m` is not a duration [spile::toml::invalid]"]);
    assert_eq!(none("timeout = '0s'").len(), 1);
    let of = |text: &str| parsed(&format!("[project]\nname = 'a'\n[sync]\n{text}\n")).0.unwrap().sync;
    assert_eq!(of("").catalog, CatalogAge::Within(Duration::from_hours(24)));
    assert_eq!(of("catalog = '2d 12h'").catalog, CatalogAge::Within(Duration::from_hours(60)));
    assert_eq!(
        [of("catalog = 'always'").catalog, of("catalog = 'kept'").catalog],
        [CatalogAge::Always, CatalogAge::Kept]
    );
    assert_eq!(
        [of("empty = 'ok'").empty, of("missing_stream = 'fail'").missing_stream],
        [Severity::Ok, Severity::Fail]
    );
    assert_eq!(
        none("catalog = '-1d'"),
        ["spile.toml:4: `catalog`: `-1d` is not a valid catalog age [spile::toml::invalid]"]
    );
    assert_eq!(none("missing_stream = 'ok'\nfailed_discovery = 'ok'\nempty = 'no'").len(), 3);
    assert_eq!(none("retry_after = '0s'"), [""; 0]);
    let codes: Vec<_> = found.iter().map(|problem| problem.split('[').next_back().unwrap()).collect();
    assert_eq!(
        codes,
        ["spile::project::url]", "spile::toml::wrong_kind]", "spile::toml::invalid]", "spile::toml::unknown_key]"]
    );
}

#[test]
fn an_undeclared_environment_is_refused_with_the_nearest_one() {
    let settings = parsed("[project]\nname = 'acme'\n[environments.prod]\n[environments.dev]\n").0.unwrap();
    assert_eq!(settings.environment(None).unwrap().as_str(), "dev");
    assert_eq!(settings.environment(Some("prd")).unwrap_err().help, "did you mean `prod`?");
}

const HOSTED: &str =
    "[project]\nname = 'acme'\n[registry]\nkind = 'supabase'\nurl = '${SUPABASE_URL}'\nkey = '${SUPABASE_KEY}'\n";

fn resolved(text: &str, read: fn(&str) -> Option<String>) -> (Option<Resolved>, Vec<String>) {
    let settings = parsed(text).0.unwrap();
    let Registry::Supabase(supabase) = settings.registry_of(&"prod".parse().unwrap()) else { panic!("it is local") };
    let mut problems = Problems::default();
    let resolved = supabase.resolved(&Variables::new(read, Allowed::default()), &mut problems);
    (resolved, problems.into_report().problems().iter().map(|problem| format!("{problem:?}")).collect())
}

#[test]
fn an_environments_registry_is_applied_over_the_projects() {
    let text = format!("{HOSTED}rest_path = ''\n[environments.prod.registry]\nurl = 'https://prod.example'\n");
    let (found, problems) = resolved(&text, |name| (name == "SUPABASE_KEY").then(|| "sb_secret_x".to_owned()));
    assert_eq!(problems, Vec::<String>::new());
    let found = found.unwrap();
    assert_eq!((found.address.as_str(), found.key.expose()), ("https://prod.example", "sb_secret_x"));
}

#[test]
fn variables_are_needed_only_when_the_registry_is_opened() {
    assert!(parsed(HOSTED).1.is_empty());
    let (found, problems) = resolved(HOSTED, |_| None);
    assert!(found.is_none());
    assert_eq!(
        problems,
        [
            "spile.toml:5: the environment variable `SUPABASE_URL` is not set [spile::registry::unset]",
            "spile.toml:6: the environment variable `SUPABASE_KEY` is not set [spile::registry::unset]",
        ]
    );
    let (found, problems) = resolved(HOSTED, |_| Some("sb_publishable_x".to_owned()));
    assert!(found.is_none());
    assert_eq!(problems.len(), 2, "{problems:?}");
}

#[test]
fn an_invalid_address_from_a_variable_is_not_shown() {
    let mistaken = |name: &str| {
        let is_url = name == "SUPABASE_URL";
        Some(if is_url { "postgresql://postgres:hunter2@db.example" } else { "sb_secret_x" }.to_owned())
    };
    let (found, problems) = resolved(HOSTED, mistaken);
    assert!(found.is_none());
    assert_eq!(problems, ["spile.toml:5: `url` is not the address of a Supabase project [spile::registry::url]"]);
}

#[test]
fn a_key_in_the_file_is_rejected_and_an_address_is_required() {
    let found = parsed("[project]\nname = 'acme'\n[registry]\nkind = 'supabase'\nkey = 'sb_secret_hunter2'\n").1;
    assert_eq!(
        found,
        [
            "spile.toml:4: `url` is missing [spile::toml::missing_key]",
            "spile.toml:5: the registry key is in plain text [spile::registry::literal_key]",
        ]
    );
}

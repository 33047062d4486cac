//! `spile connectors list`, `search` and `show`

use spile_core::connector::Catalog;

use crate::cli::schemas::holds;
use crate::folder::Folder;

fn names(folder: &Folder, line: &str) -> Vec<String> {
    let json = folder.spile(&format!("connectors {line} --format json")).exits(0).json();
    holds("connectors-list", &json);
    json["connectors"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn built_in_connectors_and_the_projects_own_are_listed_together() {
    let folder = Folder::project();
    folder.write("connectors/zoo.toml", "label = 'Zoo'\n[plugin]\nname = 'tap-zoo'\nnamespace = 'tap_zoo'\n");
    let all = names(&folder, "list");
    assert_eq!(all.len(), Catalog::built_in_heads().len() + 1);
    assert!(names(&folder, "list --kind extractor").contains(&"zoo".to_owned()));
    assert!(!names(&folder, "list --kind loader").contains(&"zoo".to_owned()));
    let text = folder.spile("connectors list").exits(0).out;
    assert!(text.contains("connectors/zoo.toml") && text.contains("built in"), "{text}");
}

#[test]
fn the_best_match_comes_first() {
    let folder = Folder::project();
    // What is only on the hub comes after everything that is here.
    let here = |line: &str| -> Vec<String> {
        let found = names(&folder, line);
        let count = found.iter().position(|name| name.starts_with("hub:")).unwrap_or(found.len());
        assert!(found[count..].iter().all(|name| name.starts_with("hub:")), "{found:?}");
        found[..count].to_vec()
    };
    assert_eq!(here("search salesfroce"), ["salesforce"]);
    assert_eq!(here("search postgres")[..2], ["postgres", "postgres"]);
    assert_eq!(
        here("search database --kind loader"),
        ["bigquery", "clickhouse", "duckdb", "mssql", "postgres", "redshift", "snowflake", "sqlite"]
    );
    let none = folder.spile("connectors search xyzzy").exits(0).out;
    assert!(none.contains("no connector"), "{none}");
}

#[test]
fn a_connector_is_shown_with_all_its_settings() {
    let folder = Folder::project();
    let json = folder.spile("connectors show postgres --format json").exits(0).json();
    holds("connectors-show", &json);
    assert_eq!(json["connectors"].as_array().unwrap().len(), 2);
    let text = folder.spile("connectors show postgres --kind extractor").exits(0).out;
    for said in ["meltanolabs-tap-postgres==", "password", "secret", "5432", "of these groups", "built in"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let none = folder.spile("connectors show postgrs --format json").exits(1).json();
    assert_eq!(none["error"]["code"], "spile::connector::unknown");
    assert_eq!(none["error"]["help"], "did you mean `postgres`?");
}

#[test]
fn an_invalid_definition_is_reported_and_not_ignored() {
    let folder = Folder::project();
    folder.write("connectors/zoo.toml", "kind = 'extracter'\n[plugin]\nname = 'tap-zoo'\nnamespace = 'tap_zoo'\n");
    let refused = folder.spile("connectors list").exits(1);
    assert!(refused.notes.contains("extracter"), "{}", refused.notes);
}

#[test]
fn only_check_reads_unused_connectors() {
    let folder = Folder::project();
    folder.write("connectors/unused.toml", "kind = 'nonsense'\n");
    folder.write("connectors/other.toml", "name = 'used'\n[plugin]\nname = 'tap-used'\nnamespace = 'tap_used'\n");
    folder.spile("plan").exits(0);
    let whole = folder.spile("check").exits(1).notes;
    assert!(whole.contains("unused.toml") && whole.contains("spile::connector::stem"), "{whole}");
    // A connector that is not found by its file name is searched in all files, and the error names the fix.
    folder.write("integrations/x.toml", "type = 'used'\nloader = 'lake'\n");
    let plan = folder.spile("plan").exits(1).notes;
    assert!(plan.contains("spile::connector::stem") && plan.contains("used-extractor.toml"), "{plan}");
    folder.remove("connectors/unused.toml");
    std::fs::rename(folder.join("connectors/other.toml"), folder.join("connectors/used-extractor.toml")).unwrap();
    folder.spile("plan").exits(0);
    folder.spile("check").exits(0);
}

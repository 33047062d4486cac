//! `spile connectors import`

use super::hub;
use crate::cli::schemas::holds;
use crate::folder::Folder;

const PLAIN: &str = "name: tap-weather\nnamespace: tap_weather\npip_url: tap-weather==1\n";

#[test]
fn every_definition_of_the_hub_makes_a_valid_project() {
    let folder = Folder::project();
    for path in hub() {
        let json = folder.spile(&format!("connectors import {} --format json", path.display())).exits(0).json();
        holds("connectors-import", &json);
        assert!(folder.read(json["path"].as_str().unwrap()).contains("[plugin]"));
    }
    folder.spile("check").exits(0);
    // The extractor was first, so the loader of the same name has its kind in the file's name.
    assert!(folder.read("connectors/postgres.toml").contains("kind = \"extractor\""));
    assert!(folder.read("connectors/postgres-loader.toml").contains("name = \"postgres\"\nkind = \"loader\""));
}

#[test]
fn an_existing_connector_is_only_replaced_with_force() {
    let folder = Folder::project();
    assert!(folder.spile_with("connectors import -", PLAIN.as_bytes()).exits(0).out.contains("extractor `weather`"));
    let before = folder.files();
    let refused = folder.spile_with("connectors import - --format json", PLAIN.as_bytes()).exits(1).json();
    assert_eq!(refused["error"]["code"], "spile::connector::exists");
    assert_eq!(folder.files(), before);
    let other = PLAIN.replace("==1", "==2");
    folder.spile_with("connectors import - --force", other.as_bytes()).exits(0);
    assert!(folder.read("connectors/weather.toml").contains("tap-weather==2"));
    folder.spile_with("connectors import - --name storms", other.as_bytes()).exits(0);
    assert!(folder.read("connectors/storms.toml").contains("tap-weather==2"));
}

#[test]
fn a_loader_does_not_take_the_file_of_an_extractor() {
    let folder = Folder::project();
    folder.spile_with("connectors import -", PLAIN.as_bytes()).exits(0);
    let loader = PLAIN.replace("tap", "target");
    folder.spile_with("connectors import -", loader.as_bytes()).exits(0);
    let both = folder.spile("connectors show weather --format json").exits(0).json();
    let files: Vec<_> = both["connectors"].as_array().unwrap().iter().map(|one| one["file"].clone()).collect();
    assert_eq!(files, ["connectors/weather.toml", "connectors/weather-loader.toml"]);
    folder.spile_with("connectors import - --force", loader.as_bytes()).exits(0);
    assert!(folder.read("connectors/weather.toml").contains("extractor"));
    folder.spile("check").exits(0);
}

#[test]
fn a_refused_definition_writes_nothing() {
    let folder = Folder::project();
    let before = folder.files();
    for (input, words, code) in [
        (&b"<html>"[..], "", "spile::definition::web_page"),
        (b"", "", "spile::definition::empty"),
        (b"\xff\xfe", "", "spile::definition::not_utf8"),
        (b"name: ../x\nnamespace: x\n", "", "spile::definition::name"),
        (PLAIN.as_bytes(), "--name ../x", "spile::definition::name"),
        (PLAIN.as_bytes(), "--name a/b", "spile::definition::name"),
        (b"name: x\nnamespace: x\n", "", "spile::definition::role"),
        (b"name: tap-x\nsettings: [{name: a}, {name: a, kind: integer}]\n", "", "spile::definition::setting_twice"),
    ] {
        let json = folder.spile_with(&format!("connectors import - {words} --format json"), input).exits(1).json();
        let error = &json["error"];
        let found = error["problems"][0]["code"].as_str().or(error["code"].as_str());
        assert_eq!(found, Some(code), "{json}");
        assert_eq!(folder.files(), before, "{code}");
    }
    let large = "# x\n".repeat(1_000_000);
    let refused = folder.spile_with("connectors import -", large.as_bytes()).exits(1);
    assert!(refused.notes.contains("the definition is larger than 2 MiB"), "{}", refused.notes);
    folder.spile("connectors import nowhere.yml").exits(1);
    assert_eq!(folder.files(), before);
}

#[test]
fn a_folder_and_a_missing_file_are_reported_with_the_next_step() {
    let folder = Folder::project();
    folder.write("things/x", "");
    let before = folder.files();
    for command in ["connectors import", "apply", "plan show", "secrets textconv"] {
        for (named, code, help) in [
            ("things", "spile::files::folder", "choose a file in it"),
            ("nowhere", "spile::files::missing", "check the path: it is relative to the current folder"),
        ] {
            let json = folder.spile(&format!("{command} {named} --format json")).exits(1).json();
            assert_eq!(json["error"]["code"], code, "{command}: {json}");
            assert!(json["error"]["help"].as_str().unwrap().starts_with(help), "{command}: {json}");
        }
    }
    for command in ["plan --out", "plan --out-json", "plan --out-markdown", "schema --out"] {
        let came = folder.spile(&format!("{command} things")).exits(1);
        assert!(came.notes.contains("`things` is a folder, not a file"), "{command}: {}", came.notes);
        assert!(came.notes.contains("add a file name to the path"), "{command}: {}", came.notes);
    }
    assert_eq!(folder.files(), before);
}

#[test]
fn dropped_parts_of_a_definition_are_reported() {
    let folder = Folder::project();
    let definition = "name: tap-weather\nnamespace: tap_weather\npip_url: tap-weather\nrequires: {files: []}\nusage: long\n\
                      settings: [{name: api_key}, {name: a, kind: integer, value: many}]\n";
    let shown = folder.spile_with("connectors import -", definition.as_bytes()).exits(0).out;
    for said in [
        "connectors/weather.toml: the extractor `weather` with 2 settings, 1 of them secret",
        "pins no version",
        "`api_key` is treated as a secret",
        "not kept: `usage`",
        "not kept: the default of `a`",
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
}

#[test]
fn a_built_in_connector_is_copied_with_everything_that_it_says() {
    let folder = Folder::project();
    let shown = |folder: &Folder| {
        let mut shown = folder.spile("connectors show postgres --kind loader --format json").exits(0).json();
        let one = shown["connectors"][0].as_object_mut().unwrap();
        (one.remove("file"), one.remove("lock"), shown)
    };
    let (_, _, built_in) = shown(&folder);
    folder.spile("connectors import builtin:postgres --kind loader").exits(0);
    let (file, _, own) = shown(&folder);
    assert_eq!((file, own), (Some(serde_json::json!("connectors/postgres.toml")), built_in));
    let text = folder.read("connectors/postgres.toml");
    assert!(text.contains("[naming]") && text.contains("[[losses]]"), "{text}");
}

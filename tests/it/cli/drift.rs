//! Changes by others: `drift`, `pull`, `--adopt`, `history` and `rollback`.

use rusqlite::Connection;
use serde_json::json;

use crate::folder::Folder;

/// Runs SQL in the local registry, bypassing the program.
fn sql(folder: &Folder, sql: &str) {
    Connection::open(folder.join(".spile/registry.db")).unwrap().execute_batch(sql).unwrap();
}

/// An applied project whose files have comments.
fn applied() -> Folder {
    let folder = Folder::project();
    let text = "# Fruit.\ntype = \"singer-jsonl\" # a file\nloader = \"lake\"\nname = \"Fruit\"  # for people\n\n\
                [config]\n# where it is\nlocal.folders = [\"data\"]\n";
    folder.write("integrations/fruit.toml", text);
    folder.spile("apply --yes").exits(0);
    folder
}

const BY_HAND: &str = "update integrations set name = 'By hand', config = '{\"local.folders\":[\"there\"]}' \
                       where slug = 'fruit'";

#[test]
fn drift_is_reported_in_three_places_and_apply_ends_it() {
    let folder = applied();
    assert!(folder.spile("drift").exits(0).out.contains("No drift"));
    sql(&folder, BY_HAND);
    folder
        .write("integrations/fruit.toml", &folder.read("integrations/fruit.toml").replace("[\"data\"]", "[\"here\"]"));
    let told = folder.spile("drift").exits(2).out;
    assert!(told.contains("name = \"Fruit\" -> \"By hand\"  (the files have not changed here)"), "{told}");
    assert!(
        told.contains("config.local.folders = [\"data\"] -> [\"there\"]  (the files say something else)"),
        "{told}"
    );
    assert!(told.contains("`spile pull SLUG`"), "{told}");
    let data = folder.spile("drift --format json").exits(2).json();
    let fields = json!([
        {"path": "config.local.folders", "left": ["data"], "found": ["there"], "files": "otherwise"},
        {"path": "name", "left": "Fruit", "found": "By hand", "files": "as_left"},
    ]);
    let drift = &data["drift"][0];
    assert_eq!((&drift["slug"], &drift["kind"], &drift["fields"]), (&json!("fruit"), &json!("changed"), &fields));
    let planned = folder.spile("plan").exits(0).out;
    assert!(planned.find("will be updated") < planned.find("Drift:"), "changes first: {planned}");
    folder.spile("apply --yes").exits(0);
    folder.spile("drift").exits(0);
}

#[test]
fn deleted_rows_and_edited_files_have_drifted() {
    let folder = applied();
    sql(&folder, "delete from integrations where slug = 'fruit'");
    let told = folder.spile("drift").exits(2).out;
    assert!(told.contains("fruit is gone in the registry"), "{told}");
    folder.spile("apply --yes").exits(0);
    let rendered = folder.read("meltano.yml");
    folder.write("meltano.yml", &rendered.replace("[data]", "[by-hand]"));
    let told = folder.spile("drift").exits(2).out;
    assert!(told.contains("fruit has changed in meltano.yml"), "{told}");
    assert!(told.contains("[\"data\"] -> [\"by-hand\"]  (the files have not changed here)"), "{told}");
    folder.write("meltano.yml", &format!("{rendered}# by hand\n"));
    let told = folder.spile("drift").exits(2).out;
    assert!(told.contains("meltano.yml has changed outside its integrations"), "{told}");
    folder.spile("apply --yes").exits(0);
    folder.spile("drift").exits(0);
}

#[test]
fn a_change_is_not_drift_once_the_files_agree_with_it() {
    let folder = applied();
    sql(&folder, "update integrations set name = 'By hand' where slug = 'fruit'");
    let text = folder.read("integrations/fruit.toml").replace("\"Fruit\"", "\"By hand\"");
    folder.write("integrations/fruit.toml", &text);
    folder.spile("drift").exits(0);
    folder.spile("plan --exit-code").exits(0);
}

#[test]
fn pull_writes_the_row_into_the_file_and_keeps_its_comments() {
    let folder = applied();
    sql(&folder, BY_HAND);
    let pulled = folder.spile("pull fruit").exits(0).out;
    assert!(pulled.contains("integrations/fruit.toml: config.local.folders, name"), "{pulled}");
    assert_eq!(
        folder.read("integrations/fruit.toml"),
        "# Fruit.\ntype = \"singer-jsonl\" # a file\nloader = \"lake\"\nname = \"By hand\"  # for people\n\n\
         [config]\n# where it is\nlocal.folders = [\"there\"]\n"
    );
    folder.spile("drift").exits(0);
    assert!(folder.spile("pull fruit").exits(0).out.contains("already matches the row"));
}

#[test]
fn pull_writes_into_the_overlay_of_the_environment() {
    let folder = applied();
    folder.write("integrations/fruit.prod.toml", "name = \"Fruit (prod)\"\n");
    folder.spile("apply --yes --env prod").exits(0);
    sql(&folder, "update integrations set name = 'By hand' where slug = 'fruit' and environment = 'prod'");
    let base = folder.read("integrations/fruit.toml");
    folder.spile("pull fruit --env prod").exits(0);
    assert_eq!(folder.read("integrations/fruit.prod.toml"), "name = \"By hand\"\n");
    assert_eq!(folder.read("integrations/fruit.toml"), base);
}

#[test]
fn pull_writes_nothing_invalid() {
    let folder = applied();
    for (hand, said) in [
        ("update integrations set config = '{\"colour\":\"red\"}'", "unknown setting `colour`"),
        ("update integrations set type = 'csv'", "its `type` cannot be set in the file"),
        ("delete from integrations", "it has no row"),
    ] {
        let before = folder.read("integrations/fruit.toml");
        sql(&folder, hand);
        let refused = folder.spile("pull fruit").exits(1);
        assert!(refused.notes.contains(said), "{hand}: {}", refused.notes);
        assert_eq!(folder.read("integrations/fruit.toml"), before, "{hand}");
        folder.spile("apply --yes").exits(0);
    }
    assert!(folder.spile("pull friut").exits(1).notes.contains("did you mean `fruit`?"));
    assert!(folder.spile("pull lake").exits(1).notes.contains("loaders have no row"));
}

#[test]
fn an_unmanaged_row_is_adopted_on_request() {
    let folder = applied();
    let id = "6f1c0a52-6d0e-4c6e-9a53-0b4f7c1d2e3f";
    sql(
        &folder,
        &format!(
            "insert into integrations (environment, id, slug, type, name, config, created_at, updated_at) values \
             ('dev', '{id}', 'nuts', 'singer-jsonl', 'Nuts', '{{\"local.folders\":[\"old\"]}}', '2020-01-01T00:00:00Z', \
             '2020-01-01T00:00:00Z')"
        ),
    );
    folder.integration("nuts", "data");
    let refused = folder.spile("plan --adopt nuts").exits(1).notes;
    assert!(refused.contains("no unmanaged row has its ID"), "{refused}");
    folder.write("integrations/nuts.toml", &format!("id = \"{id}\"\n{}", folder.read("integrations/nuts.toml")));
    let refused = folder.spile("apply --yes").exits(1).notes;
    assert!(refused.contains("adopt an unmanaged row with `--adopt nuts`"), "{refused}");
    let planned = folder.spile("plan --adopt nuts --out plan.json").exits(0).out;
    assert!(planned.contains("nuts will be adopted"), "{planned}");
    assert!(planned.contains("[\"old\"] -> [\"data\"]"), "{planned}");
    assert!(!planned.contains("1 unmanaged") && planned.contains("2 unchanged"), "{planned}");
    folder.spile("apply plan.json --yes").exits(0);
    folder.spile("plan --exit-code").exits(0);
    let status = folder.spile("status --format json").exits(0).json();
    let nuts = status["integrations"].as_array().unwrap().iter().find(|one| one["slug"] == "nuts").unwrap();
    assert_eq!(nuts["created_at"], "2020-01-01T00:00:00Z", "the same row");
    let applies = folder.spile("history --format json").exits(0).json();
    let first = applies["applies"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    let back = folder.spile(&format!("rollback {first} --yes")).exits(0);
    let said = format!("{}{}", back.out, back.notes);
    assert!(said.contains("nuts will be released: its row becomes unmanaged"), "{said}");
    assert!(said.contains("[\"data\"] -> [\"old\"]"), "{said}");
    folder.remove("integrations/nuts.toml");
    let plan = folder.spile("plan --format json").exits(0).json();
    assert_eq!(plan["unmanaged"][0]["name"], "Nuts", "{plan}");
    let kept = rusqlite::Connection::open(folder.join(".spile/registry.db")).unwrap();
    let row = "select managed_by is null, config from integrations where slug = 'nuts'";
    let row: (bool, String) = kept.query_row(row, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(row, (true, "{\"local.folders\":[\"old\"]}".to_owned()));
}

#[test]
fn an_earlier_apply_is_restored_as_a_plan() {
    let folder = applied();
    let first = (folder.read("meltano.yml"), folder.spile("status --format json").json()["integrations"].clone());
    folder.integration("nuts", "data");
    folder.integration("fruit", "moved");
    folder.spile("apply --yes").exits(0);
    folder
        .write("integrations/fruit.toml", &format!("schedule = '@daily'\n{}", folder.read("integrations/fruit.toml")));
    folder.spile("apply --yes").exits(0);
    let applies = folder.spile("history --format json").exits(0).json();
    let rows: Vec<_> = applies["applies"].as_array().unwrap().iter().collect();
    assert_eq!(rows.len(), 3, "an apply of only the file counts too");
    let counts =
        |at: usize| [&rows[at]["created"], &rows[at]["updated"], &rows[at]["deleted"]].map(|n| n.as_u64().unwrap());
    assert_eq!([counts(0), counts(1), counts(2)], [[0, 0, 0], [1, 1, 0], [1, 0, 0]]);
    let oldest = rows[2]["id"].as_str().unwrap();
    assert!(folder.spile("history").exits(0).out.contains(&oldest[..12]));
    assert!(folder.spile("rollback ffffffff --yes").exits(1).notes.contains("no apply `ffffffff` is in the history"));
    let done = folder.spile(&format!("rollback {} --yes", &oldest[..12])).exits(4);
    assert!(done.notes.contains("--allow delete=1"), "the guards hold here too: {}", done.notes);
    let done = folder.spile(&format!("rollback {} --yes --allow delete=1", &oldest[..12])).exits(0);
    assert!(done.notes.contains("the files still have the later version"), "{}", done.notes);
    assert_eq!(folder.read("meltano.yml"), first.0);
    let now = folder.spile("status --format json").json()["integrations"].clone();
    let fruit = |of: &serde_json::Value| {
        of.as_array().unwrap().iter().find(|one| one["slug"] == "fruit").unwrap()["id"].clone()
    };
    assert_eq!(fruit(&now), fruit(&first.1));
    assert_eq!(folder.spile("history --format json").json()["applies"].as_array().unwrap().len(), 4);
    folder.spile("plan --exit-code").exits(2);
}

//! `spile check --lint`

use crate::folder::Folder;

/// Returns the lints, without those about the first integration of each project.
fn lints(folder: &Folder) -> Vec<(String, String, u64)> {
    let mut all = all_lints(folder);
    all.retain(|(code, ..)| code != "no_state");
    all
}

fn all_lints(folder: &Folder) -> Vec<(String, String, u64)> {
    let json = folder.spile("check --lint --format json").exits(0).json();
    super::schemas::holds("check", &json);
    let of = |one: &serde_json::Value| {
        let text = |key: &str| one[key].as_str().unwrap().to_owned();
        (text("code").replace("spile::lint::", ""), text("file"), one["line"].as_u64().unwrap())
    };
    json["problems"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn lints_report_future_problems() {
    let folder = Folder::project();
    folder.write("integrations/spare.toml", "type = \"jsonl\"\nkind = \"loader\"\n");
    let often = folder.read("integrations/fruit.toml").replace("loader =", "schedule = \"*/2 * * * *\"\nloader =");
    folder.write("integrations/fruit.toml", &often);
    for (name, version) in [("x", ""), ("y", "==1")] {
        let plugin = format!("name = \"tap-{name}\"\nnamespace = \"tap_{name}\"\npip_url = \"tap-{name}{version}\"\n");
        folder.write(&format!("connectors/{name}.toml"), &format!("[plugin]\n{plugin}"));
    }
    let expected = [
        ("unpinned_pip_url", "connectors/x.toml", 4),
        ("dense_schedule", "integrations/fruit.toml", 2),
        ("unused_loader", "integrations/spare.toml", 1),
    ];
    let expected: Vec<_> = expected.map(|(code, file, line)| (code.to_owned(), file.to_owned(), line)).into();
    assert_eq!(lints(&folder), expected);
    let quiet = folder.spile("check --format json").exits(0).json();
    assert!(quiet["problems"].as_array().unwrap().is_empty(), "{quiet}");
    let text = folder.spile("check --lint").exits(0).out;
    assert!(text.contains("syncs every 2 minutes") && text.contains("ok:"), "{text}");
    let sarif = folder.spile("check --lint --format sarif").exits(0).out;
    assert!(sarif.contains("spile::lint::unused_loader"), "{sarif}");
}

#[test]
fn a_tap_without_bookmarks_is_reported_by_plan_and_before_a_run() {
    let folder = Folder::project();
    assert_eq!(all_lints(&folder), [("no_state".to_owned(), "integrations/fruit.toml".to_owned(), 1)]);
    let codes = |plan: &serde_json::Value| {
        let problems = plan["problems"].as_array().unwrap().iter();
        problems.map(|one| one["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(codes(&folder.spile("plan --format json").exits(0).json()), ["spile::lint::no_state"]);
    folder.spile("apply --yes").exits(0);
    assert_eq!(codes(&folder.spile("plan --format json").exits(0).json()), [""; 0], "unchanged lints are not repeated");
    let would = folder.spile("sync --dry-run --format json").exits(0).json();
    assert_eq!(would["would_sync"][0]["forgets"], true);
    let text = folder.spile("sync --dry-run").exits(0).out;
    assert!(text.contains("its tap keeps none: it reads everything on every run"), "{text}");
    let settings = folder.read("spile.toml");
    folder.write("spile.toml", &format!("{settings}\n[lint]\nallow = [\"no_state\"]\n"));
    assert_eq!(all_lints(&folder), []);
}

#[test]
fn a_source_with_rate_limits_should_sync_less_often() {
    let folder = Folder::project();
    let salesforce = "type = \"salesforce\"\nloader = \"lake\"\nschedule = \"*/30 * * * *\"\n[config]\nclient_id = \"$I\"\n\
                      client_secret = \"$S\"\nrefresh_token = \"$T\"\nstart_date = 2024-01-01\napi_type = \"REST\"\n";
    folder.write("integrations/crm.toml", salesforce);
    assert_eq!(lints(&folder).iter().map(|(code, ..)| code.as_str()).collect::<Vec<_>>(), ["dense_schedule"]);
    folder.write("integrations/crm.toml", &salesforce.replace("*/30 * * * *", "@hourly"));
    assert_eq!(lints(&folder), []);
}

#[test]
fn a_secret_grows_old() {
    let folder = Folder::project();
    let text = "type = \"postgres\"\nloader = \"lake\"\n[config]\nhost = \"h\"\nuser = \"u\"\ndatabase = \"d\"\n";
    // The secrets were encrypted at the start of 1970.
    folder.write("integrations/shop.toml", &crate::folder::with_secrets(text, &["password"]));
    assert_eq!(lints(&folder).iter().map(|(code, ..)| code.as_str()).collect::<Vec<_>>(), ["old_secret"]);
    let settings = folder.read("spile.toml");
    folder.write("spile.toml", &format!("{settings}\n[lint]\nsecret_days = 60000\n"));
    assert_eq!(lints(&folder), []);
}

#[test]
fn disabled_lints_are_not_reported() {
    let folder = Folder::project();
    folder.write("integrations/spare.toml", "type = \"jsonl\"\nkind = \"loader\"\n");
    let settings = folder.read("spile.toml");
    folder.write("spile.toml", &format!("{settings}\n[lint]\nallow = [\"unused_loader\"]\n"));
    assert_eq!(lints(&folder), []);
    folder.write("spile.toml", &format!("{settings}\n[lint]\nallow = [\"unused_loaders\"]\n"));
    let refused = folder.spile("check").exits(1);
    assert!(refused.notes.contains("did you mean `unused_loader`?"), "{}", refused.notes);
}

#[test]
fn warnings_fail_strict_checks() {
    let folder = Folder::project();
    folder.write("spile.toml", &format!("{}\n[lint]\nallow = [\"no_state\"]\n", folder.read("spile.toml")));
    assert!(folder.spile("check --lint --strict").exits(0).out.contains("ok: 2 integrations, no problems"));
    folder.write("integrations/spare.toml", "type = \"jsonl\"\nkind = \"loader\"\n");
    folder.spile("check --strict").exits(0);
    folder.spile("check --lint").exits(0);
    let failed = folder.spile("check --lint --strict").exits(1).out;
    assert!(failed.contains("failed: 3 integrations, 1 warning: `--strict` allows none"), "{failed}");
    let json = folder.spile("check --lint --strict --format json").exits(1).json();
    super::schemas::holds("check", &json);
    assert_eq!(json["problems"].as_array().unwrap().len(), 1);
    for format in ["sarif", "junit", "github"] {
        folder.spile(&format!("check --lint --strict --format {format}")).exits(1);
    }
}

#[test]
fn an_undiscovered_source_fails_strict_checks() {
    let folder = Folder::project();
    let shop = "type = \"postgres\"\nloader = \"lake\"\nselect = [\"public-orders.*\"]\n[config]\nhost = \"h\"\nuser = \"u\"\n\
                password = \"$P\"\ndatabase = \"d\"\n";
    folder.write("integrations/shop.toml", shop);
    folder.spile("check --strict").exits(0);
    let passed = folder.spile("check --discover").exits(0);
    assert!(passed.notes.contains("run `spile discover shop`"), "{}", passed.notes);
    let failed = folder.spile("check --discover --strict").exits(1);
    let said = "3 integrations, 0 warnings, 1 source not discovered: `--strict` allows none";
    assert!(failed.out.contains(said) && failed.notes.contains("run `spile discover shop`"), "{}", failed.out);
}

#[test]
fn a_channel_may_name_an_integration_that_cannot_be_read() {
    let folder = Folder::project();
    let channel = "\n[[notify]]\nname = \"team\"\nkind = \"desktop\"\nonly = [\"fruit\", \"fruits\"]\n";
    folder.write("spile.toml", &(folder.read("spile.toml") + channel));
    let warned = folder.spile("check").exits(0).out;
    assert!(warned.contains("`fruits` matches no integration") && !warned.contains("`fruit` matches"), "{warned}");
    folder.write("integrations/fruit.toml", "type = ");
    let refused = folder.spile("check").exits(1).notes;
    assert!(!refused.contains("matches no integration"), "{refused}");
}

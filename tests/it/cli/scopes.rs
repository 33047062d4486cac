//! Parts of a project: `--only`, `--exclude` and `--changed-since`.

use std::process::Command;

use serde_json::json;

use crate::folder::Folder;

fn changed(folder: &Folder, line: &str) -> String {
    let plan = folder.spile(&format!("plan --format json {line}")).exits(0).json();
    let changes = plan["changes"].as_array().unwrap().iter();
    let mut slugs: Vec<&str> = changes.map(|change| change["slug"].as_str().unwrap()).collect();
    slugs.dedup();
    slugs.join(" ")
}

fn git(folder: &Folder, line: &str) {
    let words = line.split_whitespace();
    let mut git = Command::new("git");
    git.args(["-c", "user.name=t", "-c", "user.email=t@example.com"]).args(words).current_dir(folder.path());
    let output = git.output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

fn tagged(folder: &Folder, slug: &str, tag: &str) {
    folder.integration(slug, "data");
    let path = format!("integrations/{slug}.toml");
    folder.write(&path, &format!("tags = [\"{tag}\"]\n{}", folder.read(&path)));
}

#[test]
fn a_scope_selects_by_name_pattern_and_tag() {
    let folder = Folder::project();
    tagged(&folder, "shop-eu", "crm");
    tagged(&folder, "shop-us", "crm");
    assert_eq!(changed(&folder, ""), "fruit lake shop-eu shop-us");
    assert_eq!(changed(&folder, "--only shop-* lake"), "lake shop-eu shop-us");
    assert_eq!(changed(&folder, "--only #crm --exclude *-us"), "shop-eu");
    assert_eq!(changed(&folder, "--exclude #crm"), "fruit lake");
    folder.spile("apply --yes --only lake fruit").exits(0);
    assert_eq!(changed(&folder, ""), "shop-eu shop-us");
    let refused = folder.spile("plan --only #crn").exits(1);
    assert!(refused.notes.contains("did you mean `#crm`?"), "{}", refused.notes);
    assert!(folder.spile("plan --only Shop").exits(64).notes.contains("a name pattern"));
}

#[test]
fn only_a_full_name_deletes() {
    let folder = Folder::project();
    folder.integration("shop-old", "data");
    folder.spile("apply --yes").exits(0);
    folder.remove("integrations/shop-old.toml");
    assert_eq!(changed(&folder, ""), "shop-old");
    for line in ["--only shop-* fruit", "--exclude fruit"] {
        assert_eq!(changed(&folder, line), "", "{line}");
        let told = folder.spile(&format!("plan {line}")).exits(0).out;
        assert!(told.contains("`shop-old` stays, although no file declares it"), "{told}");
    }
    // What a plan leaves unchanged was reviewed too, and must hold when it is applied later.
    folder.write(
        "integrations/fruit.toml",
        &folder.read("integrations/fruit.toml").replace("[config]", "tags = ['x']\n[config]"),
    );
    folder.spile("plan --only fruit shop-* --out saved.plan").exits(0);
    folder.spile("apply saved.plan --yes").exits(0);
    assert_eq!(changed(&folder, "--only shop-old"), "shop-old");
    folder.spile("apply --yes --exclude fruit").exits(0);
    assert_eq!(changed(&folder, ""), "shop-old");
}

#[test]
fn a_plan_of_a_branch_covers_its_changes() {
    let folder = Folder::project();
    folder.write(".gitignore", ".spile/\n");
    for slug in ["old", "stays", "later"] {
        folder.integration(slug, "data");
    }
    folder.write("integrations/stays.dev.toml", "description = 'here'\n");
    git(&folder, "init -q -b main");
    git(&folder, "add .");
    git(&folder, "commit -q -m one");
    folder.spile("apply --yes").exits(0);
    git(&folder, "switch -q -c branch");
    git(&folder, "rm -q integrations/old.toml");
    folder.write("integrations/stays.dev.toml", "[config]\nlocal.folders = ['there']\n");
    git(&folder, "commit -q -a -m two");
    folder.integration("new", "data");
    git(&folder, "switch -q main");
    folder.integration("later", "moved");
    git(&folder, "commit -q -a -m three");
    git(&folder, "switch -q branch");
    folder.integration("fruit", "by-hand");
    assert_eq!(changed(&folder, "--changed-since main"), "fruit new old stays");
    assert_eq!(changed(&folder, "--changed-since main --exclude fruit"), "new old stays");
    assert_eq!(changed(&folder, "--changed-since HEAD"), "fruit new");
    let refused = folder.spile("plan --changed-since nowhere").exits(1);
    assert!(refused.notes.contains("git does not know the commit `nowhere`"), "{}", refused.notes);
    assert!(refused.notes.contains("a shallow clone has only one commit"), "{}", refused.notes);
    let refused = Folder::project().spile("plan --changed-since main").exits(1);
    assert!(refused.notes.contains("not a git repository"), "{}", refused.notes);
}

#[test]
fn a_changed_connector_changes_its_integrations() {
    let folder = Folder::project();
    let own = "label = 'Mine'\n[plugin]\nname = 'tap-mine'\nnamespace = 'tap_mine'\npip_url = 'tap-mine==1.0'\n";
    folder.write("connectors/mine.toml", own);
    folder.write("integrations/one.toml", "type = 'mine'\n");
    git(&folder, "init -q -b main");
    git(&folder, "add .");
    git(&folder, "commit -q -m one");
    folder.spile("apply --yes").exits(0);
    folder.write("connectors/mine.toml", &own.replace("==1.0", "==1.1"));
    assert_eq!(changed(&folder, "--changed-since HEAD"), "one");
}

#[test]
fn a_scope_includes_integrations_that_share_a_plugin() {
    let folder = Folder::project();
    let own = "label = 'Mine'\n[plugin]\nname = 'tap-mine'\nnamespace = 'tap_mine'\npip_url = 'tap-mine==1.0'\n";
    folder.write("connectors/mine.toml", own);
    for slug in ["one", "two", "gone"] {
        folder.write(&format!("integrations/{slug}.toml"), "type = 'mine'\nprotect = true\n");
    }
    folder.spile("apply --yes").exits(0);
    folder.remove("integrations/gone.toml");
    folder.write("connectors/mine.toml", &own.replace("==1.0", "==1.1"));
    folder.write("integrations/two.toml", "type = 'mine'\nprotect = true\nname = 'Two'\n");
    let plan = folder.spile("plan --format json --only one").exits(0).json();
    for change in plan["changes"].as_array().unwrap() {
        let fields: Vec<_> = change["fields"].as_array().unwrap().iter().map(|field| field["path"].as_str()).collect();
        assert_eq!((change["action"].as_str(), fields), (Some("update"), vec![Some("plugin.pip_url")]), "{change}");
    }
    assert_eq!(changed(&folder, "--only one"), "gone one two");
    folder.spile("apply --yes --only one --allow change=3").exits(0);
    assert_eq!(changed(&folder, "--only one"), "");
    assert_eq!(changed(&folder, ""), "two");
    folder.write("connectors/mine.toml", &own.replace("==1.0", "==1.2"));
    assert_eq!(changed(&folder, ""), "gone one two");
    folder.spile("apply --yes").exits(0);
    assert_eq!(changed(&folder, ""), "");
}

#[test]
fn protected_integrations_stay_even_without_the_rendered_file() {
    let folder = Folder::project();
    folder.write("integrations/fruit.toml", &format!("protect = true\n{}", folder.read("integrations/fruit.toml")));
    folder.integration("nuts", "data");
    folder.spile("apply --yes").exits(0);
    for path in ["integrations/fruit.toml", "integrations/nuts.toml", "meltano.yml", ".spile/applied/meltano.yml"] {
        folder.remove(path);
    }
    let plan = folder.spile("plan --format json").exits(0).json();
    assert_eq!((&plan["protected"], &plan["summary"]["delete"]), (&json!(["fruit"]), &json!(1)), "{plan}");
    // A partial apply without the integration must leave it alone too.
    folder.spile("apply --yes --only lake").exits(0);
    assert!(folder.read("meltano.yml").contains("fruit"));
    folder.spile("apply --yes --allow delete=1").exits(0);
    let plan = folder.spile("plan --format json --exit-code").exits(0).json();
    assert_eq!((&plan["protected"], &plan["summary"]["unchanged"]), (&json!(["fruit"]), &json!(2)), "{plan}");
}

#[test]
fn offline_only_compares_the_file_and_says_so() {
    let folder = Folder::project();
    let text = folder.read("spile.toml")
        + "\n[registry]\nkind = \"supabase\"\nurl = \"${SUPABASE_NOT_SET_URL}\"\nkey = \"${SUPABASE_NOT_SET_KEY}\"\n";
    let local = folder.read("spile.toml");
    folder.spile("apply --yes").exits(0);
    folder.write("spile.toml", &text);
    assert!(folder.spile("plan").exits(1).notes.contains("`SUPABASE_NOT_SET_URL` is not set"));
    let told = folder.spile("plan --offline --exit-code").exits(0).out;
    assert_eq!(
        told,
        "No changes: meltano.yml is up to date (2 integrations); offline: the registry was not compared\n"
    );
    folder.integration("nuts", "data");
    let planned = folder.spile("plan --offline --exit-code").exits(2).out;
    assert!(planned.ends_with("2 unchanged; offline: the registry was not compared\n"), "{planned}");
    assert!(!planned.contains("      registry\n"), "{planned}");
    folder.spile("plan --offline --out plan.json").exits(0);
    folder.write("spile.toml", &local);
    assert!(folder.spile("apply plan.json --yes").exits(1).notes.contains("was made offline"));
}

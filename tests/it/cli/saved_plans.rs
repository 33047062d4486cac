//! `plan --out`, `apply FILE`, `--only`, and apply without a terminal.

use crate::folder::Folder;

fn slugs(plan: &serde_json::Value) -> Vec<String> {
    let changes = plan["changes"].as_array().unwrap().iter();
    let mut slugs: Vec<String> = changes.map(|change| change["slug"].as_str().unwrap().to_owned()).collect();
    slugs.dedup();
    slugs
}

#[test]
fn plan_writes_nothing() {
    let folder = Folder::project();
    let before = folder.files();
    for line in [
        "plan",
        "plan --exit-code",
        "plan --format json",
        "plan --env prod",
        "plan --only fruit",
        "check",
        "status",
        "runs",
    ] {
        folder.spile(line);
        assert_eq!(folder.files(), before, "{line}");
    }
    folder.spile("apply --yes").exits(0);
    folder.integration("fruit", "elsewhere");
    let before = folder.files();
    folder.spile("plan").exits(0);
    assert_eq!(folder.files(), before);
}

#[test]
fn a_saved_plan_is_applied_unchanged() {
    let folder = Folder::project();
    let shown = folder.spile("plan --out plan.json --format json").exits(0);
    let mut saved: serde_json::Value = serde_json::from_str(&folder.read("plan.json")).unwrap();
    for of_the_file in ["digest", "created_at"] {
        saved.as_object_mut().unwrap().remove(of_the_file).unwrap();
    }
    assert_eq!(saved, shown.json());
    folder.spile("apply plan.json --yes").exits(0);
    folder.spile("plan --exit-code").exits(0);
}

#[test]
fn a_saved_plan_is_stale_when_the_files_have_changed() {
    let folder = Folder::project();
    folder.spile("plan --out plan.json").exits(0);
    folder.integration("more", "data");
    let before = folder.files();
    assert!(folder.spile("apply plan.json --yes").exits(5).notes.contains("stale"));
    assert_eq!(folder.files(), before);
}

#[test]
fn a_saved_plan_is_stale_when_the_registry_has_changed() {
    let folder = Folder::project();
    folder.spile("apply --yes").exits(0);
    folder.integration("fruit", "elsewhere");
    folder.spile("plan --out plan.json").exits(0);
    folder.spile("apply --yes").exits(0);
    let before = folder.files();
    folder.spile("apply plan.json --yes").exits(5);
    assert_eq!(folder.files(), before);
}

#[test]
fn a_saved_plan_is_stale_when_the_file_was_edited() {
    let folder = Folder::project();
    folder.spile("apply --yes").exits(0);
    folder.integration("fruit", "elsewhere");
    folder.spile("plan --out plan.json").exits(0);
    folder.write("meltano.yml", &format!("{}# a note\n", folder.read("meltano.yml")));
    folder.spile("apply plan.json --yes").exits(5);
}

#[test]
fn a_stale_plan_says_what_has_changed() {
    let folder = Folder::project();
    folder.integration("nuts", "data");
    folder.spile("apply --yes").exits(0);
    folder.integration("fruit", "here");
    folder.integration("nuts", "here");
    folder.spile("plan --out plan.json").exits(0);
    folder.spile("apply --yes --only nuts").exits(0);
    folder.integration("fruit", "there");
    folder.integration("more", "data");
    let notes = folder.spile("apply plan.json --yes").exits(5).notes;
    for said in [
        "the registry has changed",
        "`meltano.yml` has changed",
        "`fruit` changes differently",
        "`more` is now also created",
        "`nuts` no longer changes",
    ] {
        assert!(notes.contains(said), "{said}: {notes}");
    }
}

#[test]
fn a_saved_plan_knows_its_environment() {
    let folder = Folder::project();
    folder.spile("plan --env prod --out plan.json").exits(0);
    let refused = folder.spile("apply plan.json --yes --env dev").exits(1).notes;
    assert!(refused.contains("for the environment `prod`, not `dev`"), "{refused}");
    folder.spile("apply plan.json --yes").exits(0);
    folder.spile("plan --env prod --exit-code").exits(0);
    folder.spile("plan --exit-code").exits(2);
}

#[test]
fn a_file_that_is_not_a_saved_plan_is_refused_and_nothing_is_written() {
    let folder = Folder::project();
    folder.spile("plan --out good.json").exits(0);
    let good = folder.read("good.json");
    let edited = good.replace("\"create\": 2", "\"create\": 1");
    assert_ne!(edited, good);
    for (text, said) in [
        ("{}".to_owned(), "it is other JSON"),
        ("- yaml".to_owned(), "it is not JSON from line 1 on"),
        (good[..good.len() / 2].to_owned(), "it is truncated"),
        (
            good.replace("\"format_version\": \"1.0\"", "\"format_version\": \"2.0\""),
            "has format 2.0, but this program reads 1.x",
        ),
        (edited, "was changed after it was written"),
    ] {
        folder.write("plan.json", &text);
        let before = folder.files();
        for line in ["apply plan.json --yes", "plan show plan.json"] {
            let notes = folder.spile(line).exits(1).notes;
            assert!(notes.contains(said) && notes.contains("help:"), "{line}: {notes}");
        }
        assert_eq!(folder.files(), before);
    }
    assert!(folder.spile("apply missing.json --yes").exits(1).notes.contains("the file `missing.json` does not exist"));
    folder.write("spile.toml", "[project]\nname = \"other\"\n[environments.dev]\n[environments.prod]\n");
    let refused = folder.spile("apply good.json --yes").exits(1).notes;
    assert!(refused.contains("for the project `acme`, but this is `other`"), "{refused}");
}

#[test]
fn a_saved_plan_expires() {
    let folder = Folder::project();
    folder.spile("plan --out plan.json").exits(0);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let refused = folder.spile("apply plan.json --yes --max-age 1s").exits(5).notes;
    assert!(refused.contains("ago, and the maximum age is 1s"), "{refused}");
    folder.spile("apply plan.json --yes --max-age 1h").exits(0);
    assert!(folder.spile("apply plan.json --max-age soon").exits(64).notes.contains("--max-age"));
}

#[test]
fn a_saved_plan_can_be_shown_without_its_project() {
    let folder = Folder::project();
    let shown = folder.spile("plan --out plan.json").exits(0).out;
    let elsewhere = Folder::new();
    elsewhere.write("plan.json", &folder.read("plan.json"));
    assert_eq!(elsewhere.spile("plan show plan.json").exits(0).out, shown);
    elsewhere.spile("plan show plan.json --exit-code").exits(2);
    assert_eq!(elsewhere.spile("plan show plan.json --format json").exits(0).json()["summary"]["create"], 2);
    assert!(elsewhere.spile("plan show plan.json --format markdown").exits(0).out.starts_with("<!-- spile plan"));
    folder.spile("apply --yes").exits(0);
    folder.remove("integrations/fruit.toml");
    folder.spile("plan --out plan.json").exits(0);
    folder.spile("plan show plan.json --exit-code").exits(3);
    folder.spile("apply plan.json --yes --allow delete=1").exits(0);
    folder.spile("plan --out plan.json").exits(0);
    folder.spile("plan show plan.json --exit-code").exits(0);
}

#[test]
fn only_the_plan_that_was_reviewed_is_applied() {
    let folder = Folder::project();
    let shown = folder.spile("plan").exits(0).out;
    let id = shown.lines().find_map(|line| line.strip_prefix("Plan id: ")).unwrap();
    assert_eq!(folder.spile("plan --format json").json()["id"], *id);
    folder.integration("more", "data");
    let refused = folder.spile(&format!("apply --yes --plan-id {}", &id[..12])).exits(5).notes;
    assert!(refused.contains(&format!(", not `{}`", &id[..12])), "{refused}");
    folder.remove("integrations/more.toml");
    folder.spile(&format!("apply --yes --plan-id {}", &id[..12])).exits(0);
    for bad in ["abc", "not-hexadecimal", "../../../../etc"] {
        folder.spile(&format!("apply --yes --plan-id {bad}")).exits(64);
    }
}

#[test]
fn a_plan_with_an_empty_scope_is_applied_as_such() {
    let folder = Folder::project();
    folder.spile("plan --only fruit --exclude fruit --out plan.json").exits(0);
    folder.spile("apply plan.json --yes").exits(0);
    folder.spile("plan --exit-code").exits(2);
}

#[test]
fn only_named_integrations_change() {
    let folder = Folder::project();
    folder.spile("apply --yes").exits(0);
    folder.integration("fruit", "elsewhere");
    folder.integration("more", "data");
    folder.integration("other", "data");
    let plan = folder.spile("plan --only more --out plan.json --format json").exits(0).json();
    assert_eq!(slugs(&plan), ["more"]);
    folder.spile("apply plan.json --yes").exits(0);
    assert_eq!(slugs(&folder.spile("plan --format json").json()), ["fruit", "other"]);
    folder.spile("apply --only fruit other --yes").exits(0);
    folder.spile("plan --exit-code").exits(0);
}

#[test]
fn only_named_integrations_are_deleted() {
    let folder = Folder::project();
    folder.integration("gone", "data");
    folder.integration("more", "data");
    folder.integration("most", "data");
    folder.spile("apply --yes").exits(0);
    folder.remove("integrations/gone.toml");
    folder.integration("more", "elsewhere");
    folder.spile("apply --only more --yes").exits(0);
    assert_eq!(slugs(&folder.spile("plan --format json").json()), ["gone"]);
    folder.spile("apply --only gone --yes").exits(0);
    folder.spile("plan --exit-code").exits(0);
}

#[test]
fn an_unknown_name_is_refused_with_a_suggestion() {
    let folder = Folder::project();
    assert!(folder.spile("plan --only friut").exits(1).notes.contains("did you mean `fruit`?"));
    folder.spile("plan --only ../x").exits(64);
}

#[test]
fn without_yes_and_without_a_terminal_nothing_is_applied() {
    let folder = Folder::project();
    let before = folder.files();
    for line in ["apply", "apply --no-input", "up"] {
        let came = folder.spile(line).exits(1);
        assert!(came.notes.contains("--yes"), "{line}: {}", came.notes);
    }
    assert_eq!(folder.files(), before);
}

#[test]
fn environments_have_their_own_rows_and_one_file() {
    let folder = Folder::project();
    folder.spile("apply --yes").exits(0);
    let plan = folder.spile("plan --env prod --format json").exits(0).json();
    let targets: Vec<&str> =
        plan["changes"].as_array().unwrap().iter().map(|change| change["target"].as_str().unwrap()).collect();
    assert_eq!((targets.as_slice(), plan["files"].as_array().unwrap().len()), (["registry"].as_slice(), 0));
    folder.spile("apply --env prod --yes").exits(0);
    folder.spile("plan --exit-code").exits(0);
}

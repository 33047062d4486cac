//! `plan --out`, `apply FILE`, `--only`, and apply with nobody to ask.

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
fn a_saved_plan_is_applied_as_it_is() {
    let folder = Folder::project();
    let shown = folder.spile("plan --out plan.json --format json").exits(0);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&folder.read("plan.json")).unwrap(), shown.json());
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
fn a_saved_plan_of_another_environment_is_not_applied_to_this_one() {
    let folder = Folder::project();
    folder.spile("plan --env prod --out plan.json").exits(0);
    folder.spile("apply plan.json --yes").exits(5);
    folder.spile("apply plan.json --yes --env prod").exits(0);
}

#[test]
fn what_is_no_saved_plan_is_refused() {
    let folder = Folder::project();
    folder.write("plan.json", "{}");
    for line in ["apply plan.json --yes", "apply missing.json --yes"] {
        let came = folder.spile(line).exits(1);
        assert!(came.notes.contains("cannot read") && came.notes.contains("help:"), "{line}: {}", came.notes);
    }
    assert!(!folder.join("meltano.yml").exists());
}

#[test]
fn only_the_named_ones_change() {
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
fn nothing_is_deleted_that_is_not_named() {
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
fn a_name_that_nothing_has_is_refused_with_the_nearest_one() {
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

//! `init`, and how the project is found.

use std::fs;

use super::program::run;
use crate::folder::Folder;

#[test]
fn a_new_project_works_at_once() {
    let folder = Folder::new();
    folder.spile("init").exits(0);
    folder.spile("check").exits(0);
    folder.spile("apply --yes").exits(0);
    folder.spile("plan --exit-code").exits(0);
}

#[test]
fn git_ignores_what_spile_makes_for_itself() {
    let folder = Folder::new();
    folder.write(".gitignore", "/target/\n/output/");
    folder.spile("init").exits(0);
    folder.spile("apply --yes").exits(0);
    assert_eq!(folder.read(".gitignore"), "/target/\n/output/\n/.spile/\n/.meltano/\n");
    let git = |words: &str| {
        let mut git = std::process::Command::new("git");
        git.args(words.split(' ')).current_dir(folder.path()).env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap()
    };
    assert!(git("init -q").status.success());
    let status = String::from_utf8(git("status --porcelain --untracked-files=all").stdout).unwrap();
    assert!(status.contains("integrations/example.toml") && !status.contains(".spile/"), "{status}");
}

#[test]
fn a_project_is_not_created_twice_and_files_are_not_overwritten() {
    let folder = Folder::new();
    folder.write("integrations/example.toml", "# mine\n");
    folder.spile("init").exits(0);
    assert_eq!(folder.read("integrations/example.toml"), "# mine\n");
    let before = folder.files();
    assert!(folder.spile("init").exits(1).notes.contains("`spile.toml` already exists"));
    assert_eq!(folder.files(), before);
}

#[test]
fn a_folder_with_an_unusual_name_can_be_a_project() {
    let folder = Folder::new();
    fs::create_dir(folder.join("o'neil \"x\" é")).unwrap();
    let mut init = folder.command("init");
    run(init.current_dir(folder.join("o'neil \"x\" é"))).exits(0);
    let mut check = folder.command("check");
    run(check.current_dir(folder.join("o'neil \"x\" é"))).exits(0);
}

#[test]
fn the_project_is_found_in_a_parent_folder_and_by_name() {
    let folder = Folder::project();
    fs::create_dir_all(folder.join("integrations/eu")).unwrap();
    let mut below = folder.command("check");
    run(below.current_dir(folder.join("integrations/eu"))).exits(0);
    let elsewhere = Folder::new();
    elsewhere.spile(&format!("check -C {}", folder.path().display())).exits(0);
    elsewhere.spile(&format!("-C {} apply --yes", folder.path().display())).exits(0);
    assert!(folder.join("meltano.yml").exists() && elsewhere.files().is_empty());
}

#[test]
fn spiles_own_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::project();
    folder.spile("apply --yes").exits(0);
    assert_eq!(fs::metadata(folder.join(".spile")).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn an_unreadable_registry_is_not_an_empty_one() {
    let folder = Folder::project();
    folder.write(".spile", "this is no folder\n");
    for line in ["plan", "status", "history", "drift"] {
        let refused = folder.spile(line).exits(1).notes;
        assert!(refused.contains("cannot be") || refused.contains("cannot open"), "{line}: {refused}");
    }
}

#[test]
fn an_environment_that_nobody_declared_is_refused_by_check_too() {
    let refused = Folder::project().spile("check --env prd").exits(1).notes;
    assert!(refused.contains("did you mean `prod`"), "{refused}");
}

#[test]
fn a_loader_with_an_invalid_file_is_reported_once() {
    let folder = Folder::project();
    folder.write("integrations/lake.toml", "type = \"jsonl\nkind = 'loader'\n");
    let told = folder.spile("check").exits(1).notes;
    assert!(told.contains("lake.toml:1") && !told.contains("there is no loader"), "{told}");
    let other = folder.read("integrations/fruit.toml").replace("'lake'", "'lakes'").replace("\"lake\"", "\"lakes\"");
    folder.write("integrations/fruit.toml", &other);
    let told = folder.spile("check").exits(1).notes;
    assert!(told.contains("there is no loader `lakes`"), "{told}");
}

#[test]
fn files_with_almost_the_right_name_are_not_ignored() {
    let folder = Folder::project();
    folder.write("integrations/fruit.secrets.yml", "password: hunter2\n");
    folder.write("integrations/nuts.TOML", "type = 'jsonl'\n");
    folder.write("integrations/README.md", "what is here\n");
    let told = folder.spile("check").exits(1).notes;
    assert!(told.contains("`fruit.secrets.yml` is not a valid name") && told.contains("`nuts.TOML`"), "{told}");
    assert!(!told.contains("README") && !told.contains("hunter2"), "{told}");
}

#[test]
fn a_selection_of_failures_without_failures_says_so() {
    let folder = Folder::project();
    assert_eq!(folder.spile("status --failed").exits(0).out, "no integrations are failing\n");
    assert_eq!(folder.spile("runs --failed").exits(0).out, "no integrations are failing\n");
}

#[test]
fn stream_settings_of_taps_are_checked_as_far_as_they_are_known() {
    let folder = Folder::project();
    let connector = "[plugin]\nname = 'tap-fruits'\nnamespace = 'tap_fruits'\npip_url = 'tap-fruits'\n\
                     capabilities = ['catalog']\n[[settings]]\nname = 'local.folders'\nkind = 'array'\n";
    folder.write("connectors/fruits.toml", connector);
    let fruit = folder.read("integrations/fruit.toml").replace("singer-jsonl", "fruits");
    let metadata = "[metadata.fruit]\nreplication-method = 'INCREMENTEL'\nreplication-key = 5\nown = { x = 1 }\n";
    folder.write("integrations/fruit.toml", &format!("{fruit}{metadata}"));
    let told = folder.spile("check").exits(1).notes;
    assert!(told.contains("did you mean `INCREMENTAL`?") && told.contains("`replication-key` is"), "{told}");
    assert!(told.contains("2 problems"), "{told}");
    let metadata =
        "[metadata.fruit]\nreplication-method = '$METHOD'\n[metadata.nuts]\nreplication-method = 'LOG_BASED'\n";
    folder.write("integrations/fruit.toml", &format!("{fruit}{metadata}"));
    folder.spile("check").exits(0);
}

#[test]
fn doctor_reports_problems_and_the_next_step() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::project();
    folder.spile("apply --yes").exits(0);
    fs::set_permissions(folder.join(".spile"), fs::Permissions::from_mode(0o755)).unwrap();
    let told = folder.spile("doctor").exits(1).out;
    assert!(told.contains("open to other users (mode 755)") && told.contains("run `chmod 700 .spile`"), "{told}");
    let told = folder.spile("doctor --env prd").exits(1).out;
    assert!(told.contains("the environment `prd` is not declared"), "{told}");
    folder.write("integrations/fruit.toml", "typ = 'x'\n");
    let told = folder.spile("doctor").exits(1).out;
    assert!(told.contains("in the project's files") && told.contains("run `spile check`"), "{told}");
}

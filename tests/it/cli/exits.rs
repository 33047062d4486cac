//! Every exit code, provoked by a real command.

use crate::folder::Folder;

fn applied(extractors: u8) -> Folder {
    let folder = Folder::project();
    for number in 1..extractors {
        folder.integration(&format!("fruit-{number}"), "data");
    }
    folder.spile("apply --yes").exits(0);
    folder
}

#[test]
fn no_changes_are_0() {
    let folder = applied(1);
    assert!(folder.spile("plan --exit-code").exits(0).out.starts_with("No changes:"));
    folder.spile("check").exits(0);
    folder.spile("apply").exits(0);
}

#[test]
fn invalid_files_are_1() {
    let folder = Folder::project();
    folder.write("integrations/bad.toml", "type = ");
    for line in ["check", "plan", "plan --exit-code", "apply --yes", "status"] {
        let came = folder.spile(line).exits(1);
        assert!(came.notes.contains("integrations/bad.toml:1:") && came.out.is_empty(), "{line}: {}", came.notes);
    }
    assert!(!folder.join("meltano.yml").exists() && !folder.join(".spile").exists());
}

#[test]
fn no_project_is_1_and_says_how_to_make_one() {
    assert!(Folder::new().spile("plan").exits(1).notes.contains("spile init"));
}

#[test]
fn harmless_changes_are_2() {
    let folder = Folder::project();
    folder.spile("plan").exits(0);
    folder.spile("plan --exit-code").exits(2);
    folder.spile("apply --yes").exits(0);
    folder.integration("fruit", "elsewhere");
    folder.spile("plan --exit-code").exits(2);
}

#[test]
fn destructive_changes_are_3() {
    let folder = applied(4);
    folder.remove("integrations/fruit-1.toml");
    folder.spile("plan").exits(0);
    folder.spile("plan --exit-code").exits(3);
}

#[test]
fn another_loader_is_destructive_too() {
    let folder = Folder::project();
    folder.write("integrations/house.toml", "type = \"csv\"\nkind = \"loader\"\n");
    folder.spile("apply --yes").exits(0);
    folder.write("integrations/fruit.toml", &folder.read("integrations/fruit.toml").replace("lake", "house"));
    folder.spile("plan --exit-code").exits(3);
}

#[test]
fn two_deletions_are_refused_with_4_until_their_number_is_confirmed() {
    let folder = applied(9);
    folder.remove("integrations/fruit-1.toml");
    folder.remove("integrations/fruit-2.toml");
    let before = folder.files();
    assert!(folder.spile("plan").exits(0).out.contains("--allow delete=2"));
    for line in
        ["apply --yes", "apply --yes --allow delete=1", "apply --yes --allow delete=3", "apply --yes --allow change=2"]
    {
        let came = folder.spile(line).exits(4);
        assert!(came.notes.contains("--allow delete=2"), "{line}: {}", came.notes);
    }
    assert_eq!(folder.files(), before, "a refused apply has written something");
    folder.spile("apply --yes --allow delete=2").exits(0);
    folder.spile("plan --exit-code").exits(0);
}

#[test]
fn many_changes_are_refused_with_4_until_their_number_is_confirmed() {
    let folder = applied(10);
    for number in 1..6 {
        folder.integration(&format!("fruit-{number}"), "elsewhere");
    }
    assert!(folder.spile("apply --yes").exits(4).notes.contains("--allow change=5"));
    folder.spile("apply --yes --allow change=5").exits(0);
}

#[test]
fn an_invalid_command_line_is_64() {
    let folder = Folder::project();
    for line in [
        "",
        "plna",
        "plan --no-such-flag",
        "apply --allow delete",
        "apply --allow all=1",
        "plan --format yaml",
        "--env",
    ] {
        let came = folder.spile(line).exits(64);
        assert!(came.out.is_empty() && !came.notes.is_empty(), "{line}");
    }
    folder.spile("--help").exits(0);
    folder.spile("--version").exits(0);
}

#[test]
fn an_undeclared_environment_is_1() {
    assert!(Folder::project().spile("plan --env prd").exits(1).notes.contains("did you mean `prod`?"));
}

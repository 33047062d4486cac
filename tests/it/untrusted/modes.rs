//! `--untrusted` on the command line: what it allows, what it refuses, and how to set it.

use crate::cli::program::{Came, run};
use crate::folder::Folder;
use crate::hostile::yard::Yard;

#[test]
fn commands_that_write_run_or_connect_are_refused_with_the_reason() {
    let folder = Folder::project();
    let before = folder.files();
    for (line, reason) in [
        ("init", "writes"),
        ("new shop --type postgres", "writes"),
        ("edit fruit --set x=1", "writes"),
        ("fmt", "writes"),
        ("apply --yes", "writes"),
        ("pull fruit", "writes"),
        ("rollback x", "writes"),
        ("import", "writes"),
        ("serve", "writes"),
        ("enable fruit", "writes"),
        ("pause fruit", "writes"),
        ("lsp", "writes"),
        ("schema --write", "writes"),
        ("schema --out x", "writes"),
        ("connectors import -", "writes"),
        ("migrate --supabase-dir x", "writes"),
        ("up", "starts programs"),
        ("test fruit", "starts programs"),
        ("sync fruit", "starts programs"),
        ("run-due", "starts programs"),
        ("discover fruit", "starts programs"),
        ("exec fruit -- true", "starts programs"),
        ("doctor", "starts programs"),
        ("status", "reads the registry"),
        ("runs", "reads the registry"),
        ("logs fruit", "reads the registry"),
        ("history", "reads the registry"),
        ("drift", "reads the registry"),
        ("schedules", "reads the registry"),
        ("notify list", "reads the registry"),
        ("connectors update", "reads the registry"),
        ("migrate --check", "reads the registry"),
        ("plan --adopt fruit", "reads the registry"),
        ("check --discover", "data in `.spile`"),
        ("connectors list --hub", "data in `.spile`"),
        ("tokens list", "data in `.spile`"),
        ("secrets view fruit", "secrets"),
        ("secrets set fruit password", "secrets"),
    ] {
        let refused = folder.spile(&format!("--untrusted {line}")).exits(64);
        assert!(refused.notes.contains(reason) && refused.notes.contains("remove it if"), "{line}: {}", refused.notes);
        assert_eq!(refused.out, "", "{line}");
    }
    assert_eq!(folder.files(), before, "something was written");
}

fn with_variable(folder: &Folder, line: &str, word: &str) -> Came {
    run(folder.command(line).env("SPILE_UNTRUSTED", word))
}

#[test]
fn the_variable_is_the_flag_and_false_is_not() {
    let folder = Folder::project();
    for word in ["1", "true", "yes", "TRUE"] {
        with_variable(&folder, "fmt", word).exits(64);
    }
    for word in ["", "0", "false"] {
        with_variable(&folder, "fmt", word).exits(0);
    }
}

#[test]
fn a_plan_of_an_untrusted_project_compares_files_and_needs_no_variable() {
    let folder = Folder::project();
    let hosted = "\n[registry]\nkind = \"supabase\"\nurl = \"${NOT_SET}\"\nkey = \"${NOT_SET_EITHER}\"\n";
    folder.write("spile.toml", &(folder.read("spile.toml") + hosted));
    let plan = folder.spile("plan --untrusted --format json").exits(0).json();
    assert_eq!(plan["compared"], "file_only");
    assert!(!folder.join(".spile").exists(), "a plan of a stranger's project makes no folder in it");
}

/// In the user's own folder, the first two are trusted: the plan of the same files differs.
#[test]
fn spiles_own_data_is_not_trusted() {
    let folder = Folder::project();
    folder.spile("apply --yes").exits(0);
    let known = folder.spile("plan --untrusted").exits(0);
    folder.write(".spile/applied/meltano.yml", "nobody looks here");
    folder.write(".spile/rendered/meltano.yml", "nor here");
    folder.write(".spile/hub/index.json", "nor here");
    let journal = r#"{"version":1,"files":[{"path":"written.txt","before":"x","after":null}]}"#;
    folder.write(".spile/edits.json", journal);
    assert_eq!(folder.spile("plan --untrusted").exits(0).out, known.out);
    folder.spile("check --untrusted").exits(0);
    folder.spile("connectors search postgres --untrusted").exits(0);
    assert!(!folder.join("written.txt").exists(), "the journal was believed");
    assert!(folder.join(".spile/edits.json").exists(), "the journal was taken away");
}

#[test]
fn a_plan_is_written_to_its_path_and_through_no_link() {
    let yard = Yard::new();
    let before = yard.surroundings();
    yard.link("plan.md", yard.elsewhere("private.txt"));
    yard.link("plan.json", "../home/.config/git/config");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_spile"));
    command.args(["plan", "--untrusted", "--out-markdown", "plan.md", "--out-json", "plan.json"]);
    run(command.current_dir(yard.root())).exits(0);
    assert!(yard.surroundings() == before, "a link was followed");
    assert!(std::fs::read_to_string(yard.root().join("plan.md")).unwrap().starts_with("<!-- spile plan acme/dev -->"));
}

/// A branch can contain a link to any folder, and a reviewer may write the path of a file in any way.
#[test]
fn a_plan_is_written_through_no_folder_that_a_stranger_has_linked() {
    let yard = Yard::new();
    let before = yard.surroundings();
    yard.link("linked", yard.elsewhere(""));
    let root = yard.root().clone();
    let around = root.join("integrations/../linked/new.md");
    let through = yard.elsewhere("").join("way");
    std::os::unix::fs::symlink(&root, &through).unwrap();
    for file in ["linked/new.md".into(), root.join("linked/new.md"), around, through.join("linked/new.md")] {
        for option in ["--out", "--out-json", "--out-markdown"] {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_spile"));
            let came = run(command.args(["plan", "--untrusted", option]).arg(&file).current_dir(&root)).exits(1);
            assert!(came.notes.contains("a link is in the way"), "{option} {}: {}", file.display(), came.notes);
        }
    }
    // A link that the user made, outside the project, is fine.
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_spile"));
    command.args(["plan", "--untrusted", "--out"]).arg(through.join("new.json")).current_dir(&root);
    run(&mut command).exits(0);
    assert!(root.join("new.json").exists());
    std::fs::remove_file(through).unwrap();
    assert!(yard.surroundings() == before, "a link was followed");
}

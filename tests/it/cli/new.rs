//! `spile new` and `spile edit` without a terminal.

use super::program::run;
use crate::folder::Folder;

/// A project with encryption rules and a key for them.
fn project() -> Folder {
    let folder = Folder::project();
    let mut command = folder.command("secrets init");
    run(command.env("XDG_CONFIG_HOME", folder.join("config"))).exits(0);
    folder
}

const SHOP: &str = "new shop --type postgres --loader lake --schedule @hourly --tag crm \
                    --set host=db.example.com port=5433 user=reader database=shop --secret password=@password.txt";

#[test]
fn flags_make_a_checked_and_commented_file_with_encrypted_secrets() {
    let folder = project();
    folder.write("password.txt", "hunter2\n");
    let printed = folder.spile(&format!("{SHOP} --print")).exits(0).out;
    assert!(!folder.join("integrations/shop.toml").exists(), "it is only printed");
    let came = folder.spile(SHOP).exits(0);
    let text = folder.read("integrations/shop.toml");
    assert!(!format!("{text}{printed}{}{}", came.out, came.notes).contains("hunter2"));
    let top = "type = \"postgres\"\nloader = \"lake\"\nschedule = \"@hourly\"\ntags = [\"crm\"]\n\n[config]\n";
    assert!(text.starts_with("# PostgreSQL: ") && text.contains(top) && text.contains("\nport = 5433\n"), "{text}");
    assert!(text.contains("# ") && text.contains("\n[secrets]\npassword = \"ENC[AES256_GCM,"), "{text}");
    assert!(came.out.contains("+ shop") && came.out.contains("run `spile apply`"), "{}", came.out);
    folder.spile("check").exits(0);
    let mut view = folder.command("secrets view shop --yes");
    let view = run(view.env("XDG_CONFIG_HOME", folder.join("config"))).exits(0);
    assert!(view.out.contains("hunter2"), "the line's end is no part of it: {}", view.out);
    let taken = folder.spile(SHOP).exits(1);
    assert!(taken.notes.contains("`shop` already exists") && taken.notes.contains("spile edit shop"));
    assert_eq!(folder.read("integrations/shop.toml"), text);
}

#[test]
fn all_invalid_answers_are_reported_at_once_and_nothing_is_written() {
    let folder = project();
    let before = folder.files();
    let line = "new shop --type postgres --set hots=x port=abc password=hunter2 --secret pasword=hunter2 user=@x";
    let came = folder.spile(line).exits(1);
    for words in [
        "did you mean `host`?",
        "this is not a port from 1 to 65535, for example 5432",
        "`password` is a secret",
        "did you mean `password`?",
        "--set user=VALUE",
    ] {
        assert!(came.notes.contains(words), "{words}: {}", came.notes);
    }
    assert!(!came.notes.contains("hunter2"), "{}", came.notes);
    let missing = folder.spile("new crm --type salesforce").exits(1);
    assert!(
        missing.notes.contains("--secret client_secret=@FILE") && missing.notes.contains("--set start_date="),
        "{}",
        missing.notes
    );
    let unknown = folder.spile("new shop --type postgrs").exits(1);
    assert!(unknown.notes.contains("did you mean `postgres`?"), "{}", unknown.notes);
    let nobody = folder.spile("new shop").exits(1);
    assert!(nobody.notes.contains("no terminal to prompt on"), "{}", nobody.notes);
    let loader = folder
        .spile("new shop --type postgres --loader lkae --set host=h user=u database=d --secret password=@nowhere")
        .exits(1);
    assert!(loader.notes.contains("the file `nowhere` does not exist"), "{}", loader.notes);
    folder.spile("new Shop --type postgres").exits(64);
    assert_eq!(folder.files(), before);
    let bare = Folder::project();
    bare.write("password.txt", "hunter2");
    let rules = bare.spile(SHOP).exits(1);
    assert!(rules.notes.contains("spile secrets init"), "{}", rules.notes);
    assert!(!bare.join("integrations/shop.toml").exists());
}

#[test]
fn an_edit_changes_its_setting_and_no_other_byte() {
    let folder = project();
    folder.write("password.txt", "hunter2\n");
    folder.spile(SHOP).exits(0);
    folder.spile("apply --yes").exits(0);
    let before = folder.read("integrations/shop.toml");
    let came = folder.spile("edit shop --set port=5434").exits(0);
    assert!(came.out.contains("5433") && came.out.contains("5434"), "{}", came.out);
    assert_eq!(folder.read("integrations/shop.toml"), before.replace("port = 5433", "port = 5434"));
    let refused = folder.spile("edit shop --set port=none --unset hots").exits(1);
    assert!(refused.notes.contains("this is not a port from 1 to 65535, for example 5432"), "{}", refused.notes);
    let incomplete = folder.spile("edit shop --unset user").exits(1);
    assert!(incomplete.notes.contains("missing `user`"), "{}", incomplete.notes);
    folder.write("password.txt", "hunter3\n");
    let mut edit = folder.command("edit shop --secret password=@password.txt");
    run(edit.env("XDG_CONFIG_HOME", folder.join("config"))).exits(0);
    let mut view = folder.command("secrets view shop --yes");
    let view = run(view.env("XDG_CONFIG_HOME", folder.join("config"))).exits(0);
    assert!(view.out.contains("hunter3"), "{}", view.out);
    let unknown = folder.spile("edit shpo --set port=1").exits(1);
    assert!(unknown.notes.contains("did you mean `shop`?"), "{}", unknown.notes);
}

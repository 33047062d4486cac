//! `spile fmt`

use super::program::run;
use crate::folder::Folder;

#[test]
fn files_are_formatted_and_secrets_still_decrypt() {
    let folder = Folder::project();
    run(folder.command("secrets init").env("XDG_CONFIG_HOME", folder.join("config"))).exits(0);
    folder.write("password.txt", "hunter2");
    folder
        .spile("new shop --type postgres --loader lake --set host=h user=u database=d --secret password=@password.txt")
        .exits(0);
    let made = folder.read("integrations/shop.toml");
    folder.spile("fmt").exits(0);
    assert_eq!(folder.read("integrations/shop.toml"), made, "`new` writes formatted files");
    let mixed = made
        .replace("loader = \"lake\"\n", "")
        .replace("type = \"postgres\"", "loader='lake' # there\ntype   = \"postgres\"");
    folder.write("integrations/shop.toml", &mixed);
    let mut files = folder.files();
    let told = folder.spile("fmt --check").exits(1);
    assert!(told.out.contains("integrations/shop.toml\n1 file not formatted"), "{}", told.out);
    assert_eq!(folder.files(), files, "`--check` writes nothing");
    folder.write("integrations/bad.toml", "type = \n");
    files = folder.files();
    let came = folder.spile("fmt").exits(1);
    assert!(came.notes.contains("bad.toml") && came.out.contains("1 file formatted"), "{}{}", came.out, came.notes);
    let text = folder.read("integrations/shop.toml");
    assert_eq!(text, made.replace("loader = \"lake\"", "loader = 'lake' # there"));
    let changed: Vec<_> = folder.files().into_iter().filter(|(path, text)| files.get(path) != Some(text)).collect();
    assert_eq!(changed.len(), 1, "nothing else was touched");
    let told = folder.spile("fmt --check").exits(1);
    assert!(!told.out.contains("ok:") && told.out.contains("some files cannot be read"), "{}", told.out);
    folder.remove("integrations/bad.toml");
    assert!(folder.spile("fmt --check").exits(0).out.contains("ok:"));
    let view = run(folder.command("secrets view shop --yes").env("XDG_CONFIG_HOME", folder.join("config"))).exits(0);
    assert!(view.out.contains("hunter2"), "{}", view.out);
}

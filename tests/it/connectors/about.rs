//! `spile connectors import pip:...`: installs a package temporarily and asks it for its settings.

use std::time::{Duration, Instant};

use crate::cli::program::run;
use crate::folder::Folder;
use crate::project::package;

fn project() -> Folder {
    let folder = Folder::project();
    let settings = folder.read("spile.toml");
    folder.write("spile.toml", &format!("{settings}\n[run]\nenv = ['TAP_ABOUT']\n"));
    for (path, text) in package("taps/tap-about") {
        folder.write(&path, &text);
    }
    folder
}

#[test]
fn a_tap_is_asked_for_its_settings_and_leaves_nothing_behind() {
    let folder = project();
    let temporary = folder.join("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let line = "connectors import pip:./tap-about --executable tap-about --format json";
    let imported = run(folder.command(line).env("TMPDIR", &temporary)).exits(0).json();
    assert_eq!(
        (&imported["name"], &imported["settings"], &imported["secrets"]),
        (&"about".into(), &3.into(), &1.into())
    );
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
    let file = folder.read("connectors/about.toml");
    for said in ["pip_url = \"./tap-about\"", "executable = \"tap-about\"", "name = \"login.pin\"", "required = true"] {
        assert!(file.contains(said), "{said}: {file}");
    }
    folder.spile("check").exits(0);
    let several = folder.spile("connectors import pip:./tap-about --format json").exits(1).json();
    assert_eq!(several["error"]["code"], "spile::about::executable");
    let help = several["error"]["help"].as_str().unwrap();
    assert!(help.contains("`tap-about`, `target-about`"), "{help}");
}

#[test]
fn an_invalid_answer_is_reported_and_nothing_is_written() {
    let folder = project();
    let before = folder.files();
    for (mode, code, said) in [
        ("fail", "spile::about::failed", "arguments are required"),
        ("garbage", "spile::about::output", "printed `usage: tap-about {--config}` instead of JSON"),
        ("nothing", "spile::about::output", "printed nothing"),
        ("huge", "spile::about::output", "more than 2 MiB"),
    ] {
        let line = "connectors import pip:./tap-about --executable tap-about --format json";
        let json = run(folder.command(line).env("TAP_ABOUT", mode)).exits(1).json();
        assert_eq!(json["error"]["code"], code, "{json}");
        assert!(json["error"]["message"].as_str().unwrap().contains(said), "{json}");
        assert!(!folder.join("connectors").exists());
    }
    for path in folder.files().keys().filter(|path| !before.contains_key(*path)) {
        // Building a package leaves files in its own folder.
        assert!(path.starts_with("tap-about"), "{}", path.display());
    }
    let none = folder.spile("connectors import pip: --format json").exits(1).json();
    assert_eq!(none["error"]["code"], "spile::about::requirement");
}

#[test]
fn a_tap_that_hangs_is_stopped_in_time() {
    let folder = project();
    let line = "connectors import pip:./tap-about --executable tap-about --timeout 45 --format json";
    let begun = Instant::now();
    let json = run(folder.command(line).env("TAP_ABOUT", "hang")).exits(1).json();
    assert_eq!(json["error"]["code"], "spile::about::timeout", "{json}");
    assert!(begun.elapsed() < Duration::from_mins(3));
}

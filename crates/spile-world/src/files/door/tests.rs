use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use super::*;

/// A project's folder next to a file that the project must not reach.
struct Yard {
    folder: tempfile::TempDir,
}

impl Yard {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for made in ["root/inside/deep", "root/.git", "root/.spile", "elsewhere"] {
            std::fs::create_dir_all(folder.path().join(made)).unwrap();
        }
        for file in
            ["root/a", "root/inside/b", "root/inside/deep/c", "root/.git/config", "root/.spile/x", "elsewhere/d"]
        {
            std::io::Write::write_all(&mut File::create(folder.path().join(file)).unwrap(), file.as_bytes()).unwrap();
        }
        Self { folder }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn link(&self, name: &str, to: impl AsRef<Path>) {
        symlink(to, self.root().join(name)).unwrap();
    }

    /// Reads a path through the project's door: returns the content, or the reason for refusing it.
    fn read(&self, path: impl AsRef<Path>) -> String {
        said(Door::to_project(&self.root()).unwrap().read(path.as_ref()))
    }
}

fn said(read: Result<Vec<u8>, Shut>) -> String {
    match read {
        Ok(bytes) => String::from_utf8(bytes).unwrap(),
        Err(Shut::Missing) => "missing".to_owned(),
        Err(Shut::Outside) => "outside".to_owned(),
        Err(Shut::NotRegular) => "not regular".to_owned(),
        Err(Shut::TooLarge { most }) => format!("over {most}"),
        Err(why) => why.to_string(),
    }
}

#[test]
fn files_and_links_to_files_inside_are_read() {
    let yard = Yard::new();
    yard.link("to-b", "inside/b");
    yard.link("inside/up", "../a");
    yard.link("folder", "inside");
    yard.link("absolute", yard.root().join("a"));
    yard.link("chain", "folder/up");
    let found =
        ["a", "./inside/b", "to-b", "inside/up", "folder/deep/c", "absolute", "chain"].map(|path| yard.read(path));
    assert_eq!(found, ["a", "inside/b", "inside/b", "a", "inside/deep/c", "a", "a"].map(|path| format!("root/{path}")));
}

#[test]
fn paths_that_lead_out_or_into_a_private_folder_are_not_opened() {
    let yard = Yard::new();
    yard.link("out", "../elsewhere/d");
    yard.link("absolute", yard.folder.path().join("elsewhere/d"));
    yard.link("folder", "../elsewhere");
    yard.link("there-and-back", "../root/../elsewhere/d");
    yard.link("git", ".git/config");
    yard.link("git-folder", ".git");
    yard.link("own", ".spile/x");
    yard.link("chain", "out");
    yard.link("nowhere", "../elsewhere/not-yet");
    yard.link("circle", "circle");
    for path in [
        "out",
        "absolute",
        "folder/d",
        "there-and-back",
        "git",
        "git-folder/config",
        "own",
        "chain",
        "nowhere",
        "circle",
        "../elsewhere/d",
        "inside/../a",
        "/etc/passwd",
        ".git/config",
        ".GIT/config",
        ".spile/x",
        "inside/../../elsewhere/d",
    ] {
        assert_eq!(yard.read(path), "outside", "{path}");
    }
    assert_eq!(yard.read("inside/none"), "missing");
    assert_eq!(yard.read("a/below-a-file"), "missing");
}

#[test]
fn a_name_below_a_link_that_stays_inside_may_be_missing() {
    let yard = Yard::new();
    yard.link("folder", "inside");
    yard.link("to-b", "inside/b");
    yard.link("out", "../elsewhere");
    assert_eq!(yard.read("folder/none"), "missing");
    assert_eq!(yard.read("folder/deep/none/none"), "missing");
    assert_eq!(yard.read("to-b/none"), "missing");
    assert_eq!(yard.read("out/none"), "outside");
}

#[test]
fn folders_pipes_devices_and_sockets_are_not_read() {
    let yard = Yard::new();
    let pipe = yard.root().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _socket = UnixListener::bind(yard.root().join("socket")).unwrap();
    yard.link("to-pipe", "pipe");
    for path in ["inside", "pipe", "to-pipe", "socket", ""] {
        assert_eq!(yard.read(path), "not regular", "{path}");
    }
    yard.link("zero", "/dev/zero");
    assert_eq!(yard.read("zero"), "outside");
}

#[test]
fn reads_stop_at_the_limit() {
    let yard = Yard::new();
    File::create(yard.root().join("large")).unwrap().set_len(100_000_000_000).unwrap();
    assert_eq!(yard.read("large"), format!("over {MOST_BYTES}"));
    let door = Door::to_project(&yard.root()).unwrap();
    assert_eq!(said(door.read_up_to(Path::new("a"), 6)), "root/a");
    assert_eq!(said(door.read_up_to(Path::new("a"), 5)), "over 5");
}

#[test]
fn a_door_without_links_follows_none() {
    let yard = Yard::new();
    yard.link("to-b", "inside/b");
    yard.link("folder", "inside");
    let door = Door::without_links(&yard.root()).unwrap();
    let found = ["to-b", "folder/b", ".spile/x"].map(|path| said(door.read(Path::new(path))));
    assert_eq!(found, ["outside", "outside", "root/.spile/x"]);
    symlink(yard.root(), yard.folder.path().join("linked")).unwrap();
    assert!(matches!(Door::without_links(&yard.folder.path().join("linked")), Err(Shut::Outside | Shut::Missing)));
}

fn names(paths: &[PathBuf]) -> Vec<String> {
    let mut names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    names.sort();
    names
}

/// Lists a folder: returns the files, and the refused paths with reasons.
fn listed(door: &Door, folder: &str) -> (Vec<String>, Vec<String>) {
    let Listing { files, refused, .. } = door.list(Path::new(folder));
    let mut refused: Vec<String> = refused.iter().map(|one| format!("{}: {}", one.path.display(), one.why)).collect();
    refused.sort();
    (names(&files), refused)
}

#[test]
fn a_listing_follows_links_inside_and_refuses_the_others_at_their_path() {
    let yard = Yard::new();
    let outside = Shut::Outside.to_string();
    std::fs::create_dir_all(yard.root().join("list/below/.hidden")).unwrap();
    File::create(yard.root().join("list/below/x")).unwrap();
    File::create(yard.root().join("list/below/.hidden/y")).unwrap();
    nix::unistd::mkfifo(&yard.root().join("list/pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    yard.link("list/file", "../a");
    yard.link("list/folder", "../inside");
    let bad = ["../../elsewhere", "../../elsewhere/d", "../.git", "../.git/config", "../.spile/x", "/dev/zero", "none"];
    for (number, to) in bad.iter().enumerate() {
        yard.link(&format!("list/bad{number}"), to);
    }
    yard.link("list/up", "..");
    yard.link("list/below/around", "../below");
    let (files, refused) = listed(&Door::to_project(&yard.root()).unwrap(), "list");
    assert_eq!(files, ["list/below/x", "list/file", "list/folder/b", "list/folder/deep/c", "list/pipe"]);
    let circle = Shut::Circle.to_string();
    let mut expected: Vec<String> = (0..bad.len()).map(|number| format!("list/bad{number}: {outside}")).collect();
    expected.extend([format!("list/below/around: {circle}"), format!("list/up: {circle}")]);
    expected.sort();
    assert_eq!(refused, expected);
}

#[test]
fn a_folder_that_leads_out_is_a_file_or_is_missing_lists_nothing() {
    let yard = Yard::new();
    yard.link("out", "../elsewhere");
    yard.link("private", ".git");
    let door = Door::to_project(&yard.root()).unwrap();
    let refused = |folder: &str| {
        let (files, refused) = listed(&door, folder);
        assert!(files.is_empty(), "{files:?}");
        refused
    };
    assert_eq!(refused("out"), [format!("out: {}", Shut::Outside)]);
    assert_eq!(refused("private"), [format!("private: {}", Shut::Outside)]);
    assert_eq!(refused("a"), [format!("a: {}", Shut::NotAFolder)]);
    assert_eq!(refused("none"), Vec::<String>::new());
}

#[test]
fn links_to_folders_full_of_links_are_limited() {
    let yard = Yard::new();
    for level in 0..40 {
        std::fs::create_dir_all(yard.root().join(format!("level{level}"))).unwrap();
        for name in ["left", "right"] {
            yard.link(&format!("level{level}/{name}"), format!("../level{}", level + 1));
        }
    }
    std::fs::create_dir_all(yard.root().join("level40")).unwrap();
    let begun = std::time::Instant::now();
    let (_, refused) = listed(&Door::to_project(&yard.root()).unwrap(), "level0");
    assert_eq!(refused, [format!("level0: {}", Shut::TooMany { most: listing::MOST_FILES })]);
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}

#[test]
fn folders_two_thousand_levels_deep_are_refused() {
    let yard = Yard::new();
    let mut at = Door::to_project(&yard.root()).unwrap().folder;
    for _ in 0..2000 {
        rustix::fs::mkdirat(&at, "d", Mode::RWXU).unwrap();
        at = open_folder(at.as_fd(), OsStr::new("d")).unwrap();
    }
    let (files, refused) = listed(&Door::to_project(&yard.root()).unwrap(), "d");
    let deepest = vec!["d"; listing::MOST_DEPTH + 1].join("/");
    assert_eq!(refused, [format!("{deepest}: {}", Shut::TooDeep { most: listing::MOST_DEPTH })]);
    assert!(files.is_empty());
}

#[test]
fn a_file_is_written_to_its_real_path_and_only_inside() {
    let yard = Yard::new();
    let door = Door::to_project(&yard.root()).unwrap();
    yard.link("to-b", "inside/b");
    yard.link("folder", "inside");
    door.replace(Path::new("to-b"), b"new").unwrap();
    door.replace(Path::new("folder/made/here"), b"made").unwrap();
    assert_eq!(yard.read("inside/b"), "new");
    assert_eq!(yard.read("inside/made/here"), "made");
    assert!(yard.root().join("to-b").is_symlink(), "a link that stays inside stays a link");
    yard.link("out", "../elsewhere/d");
    yard.link("out-folder", "../elsewhere");
    yard.link("private", ".git");
    yard.link("nowhere", "../elsewhere/not-yet");
    let refused = ["out", "out-folder/d", "out-folder/new", "private/config", "nowhere", "../elsewhere/d", ".spile/x"];
    for path in refused {
        let tried = [door.replace(Path::new(path), b"x"), door.create(Path::new(path), b"x")];
        assert!(tried.iter().all(|tried| matches!(tried, Err(Shut::Outside))), "{path}: {tried:?}");
    }
    assert!(matches!(door.remove(Path::new("out-folder/d")), Err(Shut::Outside)));
    assert_eq!(std::fs::read(yard.folder.path().join("elsewhere/d")).unwrap(), b"elsewhere/d");
    assert_eq!(std::fs::read_dir(yard.folder.path().join("elsewhere")).unwrap().count(), 1);
    door.remove(Path::new("out")).unwrap();
    assert!(!yard.root().join("out").is_symlink(), "the link is removed, but not its target");
}

#[test]
fn only_regular_files_are_replaced() {
    let yard = Yard::new();
    let pipe = yard.root().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let door = Door::to_project(&yard.root()).unwrap();
    for path in ["pipe", "inside"] {
        assert!(matches!(door.replace(Path::new(path), b"x"), Err(Shut::NotRegular)), "{path}");
    }
    assert!(matches!(door.create(Path::new("a"), b"x"), Err(Shut::Io(_))), "it exists already");
    assert!(matches!(door.replace(Path::new("a/b"), b"x"), Err(Shut::Io(_))), "a file is not a folder");
}

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use super::*;

/// A project's folder beside a file that is none of its business.
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

    /// What the project's door says of a path: the text behind it, or why not.
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
        Err(Shut::Io(error)) => error.to_string(),
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
fn what_leads_out_or_into_a_private_folder_is_not_opened() {
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
fn no_more_is_read_than_asked_for() {
    let yard = Yard::new();
    File::create(yard.root().join("large")).unwrap().set_len(100_000_000_000).unwrap();
    assert_eq!(yard.read("large"), format!("over {MOST_BYTES}"));
    let door = Door::to_project(&yard.root()).unwrap();
    assert_eq!(said(door.read_up_to(Path::new("a"), 6)), "root/a");
    assert_eq!(said(door.read_up_to(Path::new("a"), 5)), "over 5");
}

#[test]
fn where_no_links_are_taken_none_is_followed() {
    let yard = Yard::new();
    yard.link("to-b", "inside/b");
    yard.link("folder", "inside");
    let door = Door::without_links(&yard.root()).unwrap();
    let found = ["to-b", "folder/b", ".spile/x"].map(|path| said(door.read(Path::new(path))));
    assert_eq!(found, ["outside", "outside", "root/.spile/x"]);
    symlink(yard.root(), yard.folder.path().join("linked")).unwrap();
    assert!(matches!(Door::without_links(&yard.folder.path().join("linked")), Err(Shut::Outside | Shut::Missing)));
}

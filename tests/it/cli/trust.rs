//! A branch can change `spile.toml`: spile expands no variable that the user did not allow, and sends no key to a host
//! that only the file names.

use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;

use super::program::{Came, run};
use crate::folder::Folder;
use crate::terminal::Terminal;

/// Variables that no clone may read.
const SECRETS: [(&str, &str); 4] = [
    ("AWS_SECRET_ACCESS_KEY", "eyJ-canary-aws-Zx81"),
    ("GITHUB_TOKEN", "canary-github-Zx81"),
    ("SUPABASE_SECRET_KEY", "sb_secret_canary-Zx81"),
    ("SUPABASE_DB_PASSWORD", "canary-db-Zx81"),
];

const CANARY: &str = "Zx81";

/// A listener on this machine that never responds and records every byte.
struct Trap {
    port: u16,
    connections: Arc<AtomicUsize>,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Trap {
    fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let trap =
            Self { port: listener.local_addr().unwrap().port(), connections: Arc::default(), bytes: Arc::default() };
        let (connections, bytes) = (trap.connections.clone(), trap.bytes.clone());
        // The thread ends with the test program.
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::SeqCst);
                let _ = stream.set_read_timeout(Some(Duration::from_millis(300)));
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    bytes.lock().unwrap().extend_from_slice(&buffer[..count]);
                }
            }
        });
        trap
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Demands that nothing connected to it.
    #[track_caller]
    fn is_untouched(&self, about: &str) {
        let bytes = String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned();
        assert_eq!(self.connections.load(Ordering::SeqCst), 0, "{about}: {bytes}");
    }

    /// Demands that the key arrived.
    #[track_caller]
    fn was_sent_the_key(&self, about: &str) {
        let begun = Instant::now();
        while !String::from_utf8_lossy(&self.bytes.lock().unwrap()).contains("sb_secret_canary") {
            assert!(begun.elapsed() < Duration::from_secs(20), "{about}: the key does not arrive");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A clone with lines in `[registry]`, and a user whose own folders are elsewhere.
struct Clone {
    folder: Folder,
    user: tempfile::TempDir,
}

impl Clone {
    fn with(registry: &str) -> Self {
        let clone = Self { folder: Folder::project(), user: tempfile::tempdir().unwrap() };
        clone.registry(registry);
        clone
    }

    fn registry(&self, lines: &str) {
        let head = "[project]\nname = \"acme\"\n\n[environments.dev]\n[environments.prod]\n";
        self.folder.write("spile.toml", &format!("{head}\n[registry]\nkind = 'supabase'\n{lines}\n"));
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let user = |name: &str| self.user.path().join(name).display().to_string();
        let own = [("HOME", user("")), ("XDG_CONFIG_HOME", user("config")), ("XDG_STATE_HOME", user("state"))];
        own.into_iter().chain(SECRETS.map(|(name, value)| (name, value.to_owned()))).collect()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = self.folder.command(line);
        command.envs(self.variables()).env_remove("SUPABASE_URL");
        command
    }

    fn spile(&self, line: &str) -> Came {
        ended(self.command(line))
    }

    fn terminal(&self, words: &[&str]) -> Terminal {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_spile"));
        command.args(words);
        command.cwd(self.folder.path());
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        for name in ["SPILE_TRUST_REGISTRY", "SPILE_ALLOW_VARIABLES"] {
            command.env_remove(name);
        }
        for (name, value) in self.variables() {
            command.env(name, value);
        }
        Terminal::start(command)
    }

    fn config(&self, text: &str) {
        std::fs::create_dir_all(self.user.path().join("config/spile")).unwrap();
        std::fs::write(self.user.path().join("config/spile/config.toml"), text).unwrap();
    }
}

/// Runs a command that must end soon: one that keeps serving is a failure.
fn ended(mut command: Command) -> Came {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(30) {
            child.kill().unwrap();
            panic!("{command:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Came::of(&child.wait_with_output().unwrap())
}

/// All commands that open the registry.
const COMMANDS: [&str; 21] = [
    "plan",
    "apply --yes",
    "up --yes",
    "drift",
    "pull fruit",
    "history",
    "rollback 0123 --yes",
    "status",
    "runs",
    "logs fruit",
    "schedules",
    "test fruit",
    "sync fruit",
    "run-due",
    "notify send",
    "notify list",
    "migrate --check",
    "import --registry --yes",
    "serve --bind 127.0.0.1:0",
    "serve --bind none --scheduler",
    "doctor",
];

/// Returns all output, without line breaks.
fn flat(came: &Came) -> String {
    format!("{} {}", came.out, came.notes).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Demands that every command refuses, names the place and a next step, and sends or shows nothing.
#[track_caller]
fn all_refuse(clone: &Clone, trap: &Trap, place: &str, words: &[&str]) {
    for line in COMMANDS {
        let came = clone.spile(line).exits(1);
        let said = flat(&came);
        for word in words.iter().chain([&place, &"help:"]) {
            assert!(said.contains(word), "{line}: no {word:?} in:\n{said}");
        }
        assert!(!said.contains(CANARY), "{line} shows a secret:\n{said}");
        trap.is_untouched(line);
    }
}

#[test]
fn a_literal_host_gets_nothing_from_any_command_before_somebody_agrees() {
    let trap = Trap::set();
    let clone = Clone::with(&format!("url = '{}'\nkey = '${{SUPABASE_SECRET_KEY}}'", trap.url()));
    let agree = format!("--trust-registry {}", trap.url());
    all_refuse(&clone, &trap, "spile.toml:9", &[agree.as_str(), "SPILE_TRUST_REGISTRY="]);
}

#[test]
fn variables_among_other_text_are_sent_by_no_command() {
    let trap = Trap::set();
    let url = format!("{}/${{AWS_SECRET_ACCESS_KEY}}/${{GITHUB_TOKEN}}", trap.url());
    let clone = Clone::with(&format!("url = '{url}'\nkey = '${{SUPABASE_SECRET_KEY}}'"));
    // The file itself is invalid, whichever command reads it.
    for line in COMMANDS.into_iter().chain(["check", "plan --offline"]) {
        let came = clone.spile(line).exits(1);
        let said = flat(&came);
        assert!(said.contains("spile.toml:9") && said.contains("mixes a variable"), "{line}:\n{said}");
        assert!(!said.contains(CANARY), "{line}:\n{said}");
        trap.is_untouched(line);
    }
    let clone = Clone::with(&format!(
        "url = '{}'\nkey = '${{SUPABASE_SECRET_KEY}}'\nrest_path = '/${{GITHUB_TOKEN}}'\nschema = '${{GITHUB_TOKEN}}'",
        trap.url()
    ));
    let came = clone.spile("plan").exits(1);
    assert_eq!(came.notes.matches("spile::registry::no_variable").count(), 2, "{}", came.notes);
    trap.is_untouched("rest_path");
}

#[test]
fn a_variable_that_is_not_allowed_is_read_by_no_command() {
    let trap = Trap::set();
    let clone = Clone::with(&format!("url = '{}'\nkey = '${{AWS_SECRET_ACCESS_KEY}}'", trap.url()));
    let ways = ["SPILE_ALLOW_VARIABLES=AWS_SECRET_ACCESS_KEY", "config.toml", "AWS_SECRET_ACCESS_KEY"];
    all_refuse(&clone, &trap, "spile.toml:10", &ways);
    // Not as the address either.
    clone.registry("url = '${GITHUB_TOKEN}'\nkey = '${SUPABASE_SECRET_KEY}'");
    let said = clone.spile("plan").exits(1).notes;
    assert!(said.contains("spile::registry::variable_not_allowed") && !said.contains(CANARY), "{said}");
}

#[test]
fn an_address_from_a_variable_needs_no_agreement() {
    let trap = Trap::set();
    let clone = Clone::with("url = '${SUPABASE_URL}'\nkey = '${SUPABASE_SECRET_KEY}'");
    run(clone.command("history").env("SUPABASE_URL", trap.url())).exits(1);
    trap.was_sent_the_key("a variable");
    for value in ["http://example.com", "postgres://u:canary-Zx81@h", "canary-Zx81", "https://canary-Zx81@h"] {
        let said = run(clone.command("plan").env("SUPABASE_URL", value)).exits(1).notes;
        assert!(said.contains("spile.toml:9") && !said.contains(CANARY), "{value}: {said}");
    }
}

#[test]
fn the_command_line_and_the_environment_can_trust_a_host() {
    for (option, variable) in [(true, false), (false, true)] {
        let trap = Trap::set();
        let clone = Clone::with(&format!("url = '{}'\nkey = '${{SUPABASE_SECRET_KEY}}'", trap.url()));
        let other = Trap::set();
        run(clone.command("plan").env("SPILE_TRUST_REGISTRY", other.url())).exits(1);
        trap.is_untouched("another host");
        let line = if option { format!("history --trust-registry {}", trap.url()) } else { "history".to_owned() };
        let mut command = clone.command(&line);
        if variable {
            command.env("SPILE_TRUST_REGISTRY", format!("x.example, 127.0.0.1:{}", trap.port));
        }
        run(&mut command).exits(1);
        trap.was_sent_the_key(&line);
        other.is_untouched("it was only trusted");
    }
    let clone = Clone::with("url = '${SUPABASE_URL}'\nkey = '${SUPABASE_SECRET_KEY}'");
    clone.spile("plan --trust-registry https://h/x").exits(64);
    let said = run(clone.command("plan").env("SPILE_TRUST_REGISTRY", "h/x")).exits(1).notes;
    assert!(said.contains("spile::user::host"), "{said}");
}

#[test]
fn a_person_agrees_once_and_a_changed_host_asks_again() {
    let trap = Trap::set();
    let clone = Clone::with(&format!("url = '{}'\nkey = '${{SUPABASE_SECRET_KEY}}'", trap.url()));
    let question = format!("Send the key in `SUPABASE_SECRET_KEY` to `{}`?", trap.url());
    let mut refusing = clone.terminal(&["history"]);
    refusing.shows(&question).answers("no");
    assert_eq!(refusing.ends(), 1);
    trap.is_untouched("a no");
    let mut agreeing = clone.terminal(&["history"]);
    agreeing.shows(&question).answers("yes");
    agreeing.ends();
    trap.was_sent_the_key("a yes");
    let kept = clone.user.path().join("state/spile/registries.json");
    let text = std::fs::read_to_string(&kept).unwrap();
    assert!(text.contains(&trap.url()) && text.contains("SUPABASE_SECRET_KEY") && !text.contains(CANARY), "{text}");
    assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let doctor = clone.spile("doctor").out;
    assert!(doctor.contains(&format!("{} for `SUPABASE_SECRET_KEY`", trap.url())), "{doctor}");
    // From now on there is no prompt, not even in another clone.
    let elsewhere = Clone { folder: Folder::project(), user: clone.user };
    elsewhere.registry(&format!("url = '{}'\nkey = '${{SUPABASE_SECRET_KEY}}'", trap.url()));
    let said = elsewhere.spile("history").exits(1).notes;
    assert!(!said.contains("has agreed"), "{said}");
    let branch = Trap::set();
    elsewhere.registry(&format!("url = '{}'\nkey = '${{SUPABASE_SECRET_KEY}}'", branch.url()));
    let said = elsewhere.spile("history").exits(1).notes;
    assert!(said.contains("spile::registry::host_not_agreed"), "{said}");
    elsewhere.registry(&format!("url = '{}'\nkey = '${{SUPABASE_OTHER_KEY}}'", trap.url()));
    let said = run(elsewhere.command("history").env("SUPABASE_OTHER_KEY", "sb_secret_x")).exits(1).notes;
    assert!(said.contains("spile::registry::host_not_agreed"), "another key needs another agreement: {said}");
    elsewhere.registry(&format!("url = '{}'\nkey = '${{SUPABASE_SECRET_KEY}}'", branch.url()));
    let mut asking = elsewhere.terminal(&["history"]);
    asking.shows(&format!("to `{}`?", branch.url())).answers("n");
    assert_eq!(asking.ends(), 1);
    branch.is_untouched("a changed host");
}

#[test]
fn a_file_or_a_variable_outside_the_clone_allows_more_variables() {
    let clone = Clone::with("url = '${PROD_URL}'\nkey = '${PROD_KEY}'");
    let trap = Trap::set();
    let with_values = |line: &str| {
        let mut command = clone.command(line);
        command.env("PROD_URL", trap.url()).env("PROD_KEY", SECRETS[2].1);
        command
    };
    // Files in a clone are not the user's own settings.
    clone.folder.write("config/spile/config.toml", "[allow]\nvariables = ['PROD_*']\n");
    let mut inside = with_values("plan");
    inside.env("XDG_CONFIG_HOME", clone.folder.join("config")).env("HOME", clone.folder.path());
    run(&mut inside).exits(1);
    run(with_values("plan").env("XDG_CONFIG_HOME", "config")).exits(1);
    trap.is_untouched("a file of the clone");
    run(with_values("history").env("SPILE_ALLOW_VARIABLES", "PROD_URL PROD_KEY")).exits(1);
    trap.was_sent_the_key("a variable");
    clone.config("[allow]\nvariables = ['PROD_*']\n");
    let said = run(&mut with_values("history")).exits(1).notes;
    assert!(!said.contains("variable_not_allowed"), "{said}");
    let doctor = run(&mut with_values("doctor")).out;
    assert!(doctor.contains("SUPABASE_*, SPILE_*, PROD_* (") && doctor.contains("config.toml)"), "{doctor}");
    clone.config("[allow]\nvariables = ['SOPS_AGE_KEY']\nhosts = 1\n");
    let said = run(&mut with_values("plan")).exits(1).notes;
    assert!(said.contains("spile::user::sops_variable") && said.contains("unknown key `hosts`"), "{said}");
}

#[test]
fn check_and_offline_plans_read_no_variable_and_need_no_agreement() {
    let clone = Clone::with("url = 'https://x.supabase.co'\nkey = '${AWS_SECRET_ACCESS_KEY}'");
    clone.spile("check").exits(0);
    clone.spile("plan --offline").exits(0);
}

/// Only the reader of a variable knows what this machine allows; what no machine can allow is checked earlier.
#[test]
fn a_variable_of_sops_is_refused_by_check_wherever_it_stands() {
    for lines in [
        "url = '${SOPS_AGE_KEY}'\nkey = '${SUPABASE_KEY}'".to_owned(),
        "url = 'https://x.supabase.co'\nkey = '${SOPS_AGE_KEY}'".to_owned(),
        channel("kind = 'slack'\nurl = '${SOPS_AGE_KEY}'"),
        channel("kind = 'webhook'\nurl = '${SOPS_AGE_KEY}'"),
        channel("kind = 'webhook'\nurl = '${SPILE_URL}'\nsecret = '${SOPS_AGE_KEY}'"),
        channel("kind = 'email'\nserver = '${SOPS_AGE_KEY}'\nfrom = 'a@example.com'\nto = ['b@example.com']"),
    ] {
        for words in ["check", "check --untrusted", "plan --offline"] {
            let said = Clone::with(&lines).spile(words).exits(1).notes;
            assert!(said.contains("variable_not_allowed") && said.contains("spile.toml:"), "{lines}: {said}");
        }
    }
}

fn channel(lines: &str) -> String {
    format!("url = 'https://x.supabase.co'\nkey = '${{SUPABASE_KEY}}'\n[[notify]]\nname = 'ops'\n{lines}")
}

#[test]
fn a_channel_only_gets_allowed_variables() {
    let trap = Trap::set();
    let clone = Clone::with("");
    for (lines, word) in [
        (format!("kind = 'webhook'\nurl = '{}/${{GITHUB_TOKEN}}'", trap.url()), "spile::notify::mixed_variable"),
        ("kind = 'webhook'\nurl = '${GITHUB_TOKEN}'".to_owned(), "SPILE_ALLOW_VARIABLES=GITHUB_TOKEN"),
        ("kind = 'slack'\nurl = '${GITHUB_TOKEN}'".to_owned(), "spile::notify::variable_not_allowed"),
        (
            format!("kind = 'webhook'\nurl = '{}'\nsecret = '${{GITHUB_TOKEN}}'", trap.url()),
            "spile::notify::variable_not_allowed",
        ),
        (
            format!(
                "kind = 'email'\nserver = 'smtp://127.0.0.1:{}'\npassword = '${{SUPABASE_DB_PASSWORD}}'\n\
                 from = 'a@b.c'\nto = ['a@b.c']",
                trap.port
            ),
            "spile::notify::host_not_agreed",
        ),
    ] {
        clone.registry(&channel(&lines));
        let said = flat(&clone.spile("notify test").exits(1));
        assert!(said.contains(word) && said.contains("spile.toml:1"), "{lines}: {said}");
        assert!(!said.contains(CANARY), "{said}");
        trap.is_untouched(&lines);
    }
}

#[test]
fn a_mail_server_needs_an_agreement_before_it_gets_a_password() {
    let trap = Trap::set();
    let clone = Clone::with(&channel(&format!(
        "kind = 'email'\nserver = 'smtp://127.0.0.1:{}'\npassword = '${{SUPABASE_DB_PASSWORD}}'\nfrom = 'a@b.c'\nto = ['a@b.c']",
        trap.port
    )));
    let mut terminal = clone.terminal(&["notify", "test"]);
    terminal.shows("Send the password in `SUPABASE_DB_PASSWORD` to `smtp://127.0.0.1").answers("no");
    assert_eq!(terminal.ends(), 1);
    trap.is_untouched("a no");
}

//! A source that rotates its refresh token: every new one is kept, whatever is killed, and on every machine.

mod by_hand;
mod machines;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::kills::{Dice, Victim, kill, wait_for_quiet};
use crate::project::{LOADER, Project, Ran, kill_all, leftovers, wait};

/// The settings of a project with that tap; a variable tells the tap where its source is.
const SETTINGS: &str = "[project]\nname = 'real'\n[run]\nenv = ['TAP_ROTATING_NOTES', 'TAP_ROTATING_PAUSE']\n\
                        [sync]\nretries = 0\n";

const CONNECTOR: &str = "kind = 'extractor'\nlabel = 'Rotating'\n\n[plugin]\nnamespace = 'tap_rotating'\n\
                         pip_url = './tap-rotating'\nexecutable = 'tap-rotating'\n\
                         capabilities = ['catalog', 'discover']\nname = 'NAME'\n\n[[settings]]\nname = 'fault'\n\n\
                         [[settings]]\nname = 'oauth.refresh_token'\nsecret = true\n\n[[settings]]\n\
                         name = 'session'\nsecret = true\n";

/// A project with that tap, and the folder of its source.
struct Rotating {
    project: Project,
    source: std::path::PathBuf,
}

impl Rotating {
    fn new() -> Self {
        let project = Project::new();
        let source = project.path().join("source");
        let rotating = Self { project, source };
        std::fs::create_dir(&rotating.source).unwrap();
        rotating.add(SETTINGS);
        rotating.project.spile(&["secrets", "init"]).succeeds();
        rotating.sign_in("first");
        rotating.project.spile(&["apply", "--yes"]).succeeds();
        rotating
    }

    fn add(&self, settings: &str) {
        self.project.add_package("taps/tap-rotating");
        // A changed tap has another name, because installed plugins are shared.
        let text = self.project.read("tap-rotating/tap_rotating.py");
        let name = format!("tap-rotating-{}", &spile_core::digest::hash(text.as_bytes())[..8]);
        self.project.write("spile.toml", settings);
        self.project.write("connectors/rotating.toml", &CONNECTOR.replace("NAME", &name));
        self.project.write("integrations/files.toml", LOADER);
        let things = "type = 'rotating'\nid = '0b8a4c4e-6f0e-4f0c-9d0e-5a7f4b0c1d22'\nloader = 'files'\n";
        self.project.write("integrations/things.toml", things);
    }

    /// Signs in at the source, and sets the secrets of the file.
    fn sign_in(&self, token: &str) {
        std::fs::write(self.source.join("current"), token).unwrap();
        std::fs::write(self.source.join("next"), "").unwrap();
        for (name, value) in [("oauth.refresh_token", token.to_owned()), ("session", format!("session-of-{token}"))] {
            self.project.spile_with(&["secrets", "set", "things", name, "--stdin"], &value).succeeds();
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.project.command(words);
        command.env("TAP_ROTATING_NOTES", &self.source);
        command
    }

    fn run(&self, words: &[&str]) -> Ran {
        Ran(self.command(words).output().unwrap())
    }

    fn current(&self) -> String {
        std::fs::read_to_string(self.source.join("current")).unwrap()
    }

    fn was_refused(&self) -> bool {
        self.source.join("refused").exists()
    }
}

/// How often something was noted in the folder of a source.
fn noted(source: &Path, name: &str) -> usize {
    std::fs::read_to_string(source.join(name)).unwrap_or_default().lines().count()
}

#[test]
fn every_run_starts_with_the_token_that_the_one_before_has_left_and_nobody_sees_it() {
    let rotating = Rotating::new();
    let file = rotating.project.read("integrations/things.toml");
    for words in [["sync", "things"], ["test", "things"], ["discover", "things"], ["sync", "things"]] {
        let ran = rotating.run(&words).succeeds();
        assert!(!format!("{}{}", ran.stdout(), ran.stderr()).contains(&rotating.current()), "{words:?}");
    }
    assert!(!rotating.was_refused());
    assert_eq!(rotating.project.read("integrations/things.toml"), file);
    let log = rotating.project.spile(&["logs", "things"]).succeeds().stdout();
    assert!(log.contains("the new token is (secret)"), "{log}");
    // The last token is nowhere in plain text.
    let token = rotating.current();
    for entry in walkdir::WalkDir::new(rotating.project.path()).into_iter().flatten() {
        let is_source = entry.path().starts_with(&rotating.source);
        if entry.file_type().is_file() && !is_source {
            let bytes = std::fs::read(entry.path()).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains(&token), "{}", entry.path().display());
        }
    }
    assert!(leftovers(&rotating.project).is_empty());
    // A new sign-in by hand wins over what was rotated before.
    rotating.sign_in("second");
    rotating.run(&["sync", "things"]).succeeds();
    // The same value under another data key does not.
    rotating.project.spile(&["secrets", "rotate", "things"]).succeeds();
    rotating.run(&["sync", "things"]).succeeds();
    assert!(!rotating.was_refused());
}

#[test]
fn settings_that_a_tap_leaves_in_another_form_are_ignored() {
    let rotating = Rotating::new();
    let text = rotating.project.read("integrations/things.toml");
    for fault in ["truncates", "other format"] {
        let faulty = text.replace("[secrets]", &format!("[config]\nfault = '{fault}'\n\n[secrets]"));
        rotating.project.write("integrations/things.toml", &faulty);
        rotating.run(&["sync", "things"]).succeeds();
    }
    rotating.project.write("integrations/things.toml", &text);
    rotating.run(&["sync", "things"]).succeeds();
    assert!(!rotating.was_refused());
}

/// Twenty runs, every other one killed at a random moment: spile, Meltano, or all at once.
#[test]
fn no_kill_loses_a_token() {
    let rotating = Rotating::new();
    rotating.run(&["sync", "things"]).succeeds();
    let mut dice = Dice(20_261_130);
    for round in 0..20_u64 {
        if round % 2 == 0 {
            rotating.run(&["sync", "things", "-q"]).succeeds();
            continue;
        }
        let victim = [Victim::Spile, Victim::Everything, Victim::Meltano][dice.index(3)];
        let before = noted(&rotating.source, "signed-in");
        let mut command = rotating.command(&["sync", "things", "-q"]);
        command.env("TAP_ROTATING_PAUSE", "1").stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        // Half of the kills hit it in the moment of the rotation.
        let moment = Duration::from_millis(dice.below(1500));
        let begun = std::time::Instant::now();
        while noted(&rotating.source, "signed-in") == before && begun.elapsed() < Duration::from_mins(2) {
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(if dice.below(2) == 0 { Duration::ZERO } else { moment });
        kill(&rotating.project, &mut child, victim);
        wait(&mut child, Duration::from_secs(30));
        wait_for_quiet(&rotating.project, &format!("round {round}: {victim:?}"));
        assert!(!rotating.was_refused(), "before round {round}");
    }
    rotating.run(&["sync", "things"]).succeeds();
    assert!(!rotating.was_refused());
    kill_all(&rotating.project);
    assert!(leftovers(&rotating.project).is_empty());
}

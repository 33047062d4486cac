//! Obstacles in place of each file of a project, and how every command handles them: it ends soon, names the file,
//! shows no byte of a file outside, and leaves that file unchanged.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;

/// How long a debug build may take on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// The text of the file outside, which would be a valid line of TOML, YAML and a template.
const CANARY: &str = "canary-4f1d9c";

const SETTINGS: &str = "[project]\nname = \"hostile\"\n\n[environments.dev]\n\n[[outputs]]\ntemplate = \"airflow\"\n\
                        path = \"dags/spile.py\"\n\n[[notify]]\nname = \"me\"\nkind = \"desktop\"\n\
                        template = \"messages/alert.j2\"\n";

/// An obstacle in place of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Obstacle {
    LinkOut,
    AbsoluteLink,
    LinkToFolderOut,
    LinkToZero,
    LinkToGit,
    Dangling,
    Circle,
    Pipe,
    Socket,
    Folder,
    Large,
    NotText,
}

impl Obstacle {
    const ALL: [Self; 12] = [
        Self::LinkOut,
        Self::AbsoluteLink,
        Self::LinkToFolderOut,
        Self::LinkToZero,
        Self::LinkToGit,
        Self::Dangling,
        Self::Circle,
        Self::Pipe,
        Self::Socket,
        Self::Folder,
        Self::Large,
        Self::NotText,
    ];
}

/// A project beside a file that it must not touch.
struct Yard(tempfile::TempDir);

impl Yard {
    fn new() -> Self {
        let yard = Self(tempfile::tempdir().unwrap());
        yard.write("outside/secret", &format!("a = \"{CANARY}\" # {CANARY}: {CANARY}\n"));
        yard.write("root/.git/config", &format!("# {CANARY}\n"));
        yard.write("root/spile.toml", SETTINGS);
        yard.write("root/messages/alert.j2", "a title\na text\n");
        yard.write("root/integrations/lake.toml", "type = \"jsonl\"\nkind = \"loader\"\n");
        let text = "type = \"singer-jsonl\"\nloader = \"lake\"\nschedule = \"@hourly\"\n\n[config]\nlocal.folders = [\"data\"]\n";
        yard.write("root/integrations/x.toml", text);
        yard
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("root")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Puts an obstacle in place of a file or folder of the project.
    fn obstruct(&self, place: &str, obstacle: Obstacle) {
        let at = self.root().join(place);
        let _ = fs::remove_file(&at).or_else(|_| fs::remove_dir_all(&at));
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        let up = "../".repeat(place.split('/').count() - 1);
        match obstacle {
            Obstacle::LinkOut => symlink(format!("{up}../outside/secret"), at).unwrap(),
            Obstacle::AbsoluteLink => symlink(self.0.path().join("outside/secret"), at).unwrap(),
            Obstacle::LinkToFolderOut => symlink(format!("{up}../outside"), at).unwrap(),
            Obstacle::LinkToZero => symlink("/dev/zero", at).unwrap(),
            Obstacle::LinkToGit => symlink(format!("{up}.git/config"), at).unwrap(),
            Obstacle::Dangling => symlink(format!("{up}../outside/not-yet"), at).unwrap(),
            Obstacle::Circle => symlink(at.file_name().unwrap(), &at).unwrap(),
            Obstacle::Pipe => nix::unistd::mkfifo(&at, Mode::S_IRWXU).unwrap(),
            Obstacle::Socket => drop(UnixListener::bind(at).unwrap()),
            Obstacle::Folder => fs::create_dir(at).unwrap(),
            Obstacle::Large => fs::write(at, "#\n".repeat(9 << 19)).unwrap(),
            Obstacle::NotText => fs::write(at, b"\0\xff\xfe").unwrap(),
        }
    }

    /// Tells whether the user has an age key.
    fn has_key(&self) -> bool {
        self.0.path().join("home/.config/sops/age/keys.txt").exists()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spile"));
        command.args(line.split(' ')).current_dir(self.root()).env_clear();
        command.env("PATH", "/usr/bin:/bin").env("HOME", self.0.path().join("home"));
        command.envs(crate::tools::profile());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end; returns its status and all of its output.
    fn run(&self, line: &str) -> (ExitStatus, String) {
        let mut child = self.command(line).spawn().unwrap();
        let (mut out, mut notes) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let out = std::thread::spawn(move || read(&mut out));
        let notes = std::thread::spawn(move || read(&mut notes));
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > SOON {
                child.kill().unwrap();
                panic!("`{line}` does not end");
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        (status, format!("{}{}", out.join().unwrap(), notes.join().unwrap()))
    }

    /// Demands that a command succeeds or fails with a message, and that it shows and changes nothing outside.
    fn survives(&self, line: &str) -> (Option<i32>, String) {
        let (status, said) = self.run(line);
        assert!(matches!(status.code(), Some(0..=5 | 64)), "`{line}`: {status}: {said}");
        assert!(!said.contains(CANARY), "`{line}` shows a file outside: {said}");
        let outside = fs::read_to_string(self.0.path().join("outside/secret")).unwrap();
        assert!(outside.starts_with("a = ") && outside.ends_with(&format!("{CANARY}\n")), "`{line}`: {outside}");
        assert_eq!(fs::read_dir(self.0.path().join("outside")).unwrap().count(), 1, "`{line}` wrote outside");
        assert_eq!(fs::read_to_string(self.root().join(".git/config")).unwrap(), format!("# {CANARY}\n"), "`{line}`");
        (status.code(), said)
    }

    /// Also demands that a command refuses a file by name.
    fn refuses(&self, line: &str, place: &str, obstacle: Obstacle) {
        let (code, said) = self.survives(line);
        assert_eq!(code, Some(1), "`{line}` accepts {obstacle:?} as `{place}`: {said}");
        assert!(said.contains(place), "`{line}` does not name `{place}` ({obstacle:?}): {said}");
    }
}

fn read(from: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every file that `check` reads.
const READ: [&str; 9] = [
    "spile.toml",
    "integrations/x.toml",
    "integrations/x.dev.toml",
    "integrations/x.secrets.yaml",
    "integrations/x.secrets.json",
    "connectors/tap-x.toml",
    "templates/meltano.yml.j2",
    "templates/tasks.py.j2",
    "messages/alert.j2",
];

#[test]
fn check_refuses_whatever_stands_in_the_place_of_a_file() {
    for place in READ {
        for obstacle in Obstacle::ALL {
            let yard = Yard::new();
            yard.obstruct(place, obstacle);
            yard.refuses("check", place, obstacle);
        }
    }
}

#[test]
fn check_refuses_every_obstacle_in_place_of_a_folder() {
    for place in ["integrations", "connectors", "templates"] {
        for obstacle in Obstacle::ALL.into_iter().filter(|obstacle| *obstacle != Obstacle::Folder) {
            let yard = Yard::new();
            yard.obstruct(place, obstacle);
            yard.refuses("check", place, obstacle);
        }
    }
}

/// Rendered files are read before they are written.
#[test]
fn plan_and_apply_refuse_every_obstacle_in_place_of_rendered_files() {
    for place in ["meltano.yml", "dags/spile.py"] {
        // Thousands of integrations render files just as large.
        for obstacle in Obstacle::ALL {
            let yard = Yard::new();
            yard.obstruct(place, obstacle);
            yard.refuses("plan --offline", place, obstacle);
            yard.refuses("apply --yes", place, obstacle);
        }
    }
    for obstacle in [Obstacle::LinkToFolderOut, Obstacle::Dangling, Obstacle::LinkToGit] {
        let yard = Yard::new();
        yard.obstruct("dags", obstacle);
        yard.refuses("apply --yes", "dags/spile.py", obstacle);
    }
}

#[test]
fn an_output_in_a_private_folder_or_outside_is_not_written() {
    for path in [".git/hooks/post-checkout", ".spile/x", "../outside/new", "/outside/new"] {
        let yard = Yard::new();
        yard.write("root/spile.toml", &SETTINGS.replace("dags/spile.py", path));
        let (code, said) = yard.survives("apply --yes");
        assert_eq!(code, Some(1), "{path}: {said}");
        assert!(!yard.root().join(path).exists(), "{path}");
    }
}

#[test]
fn a_template_outside_the_project_is_not_read() {
    for path in ["../outside/secret", "/dev/zero", ".git/config", "messages/../../outside/secret"] {
        for whose in ["messages/alert.j2", "airflow"] {
            let yard = Yard::new();
            yard.write("root/spile.toml", &SETTINGS.replace(whose, path));
            let (code, said) = yard.survives("check");
            assert_eq!(code, Some(1), "{path}: {said}");
        }
    }
}

#[test]
fn the_creation_rules_are_read_through_the_door() {
    for obstacle in Obstacle::ALL {
        let yard = Yard::new();
        yard.obstruct(".sops.yaml", obstacle);
        yard.refuses("secrets init", ".sops.yaml", obstacle);
        assert!(!yard.has_key(), "a key was made for nothing");
    }
}

#[test]
fn the_attributes_of_git_are_not_written_through_a_link() {
    for obstacle in [Obstacle::LinkOut, Obstacle::LinkToGit, Obstacle::Dangling, Obstacle::Pipe] {
        let yard = Yard::new();
        yard.obstruct(".gitattributes", obstacle);
        yard.refuses("secrets init --git", ".gitattributes", obstacle);
        assert!(!yard.has_key(), "a key was made for nothing");
    }
}

#[test]
fn other_commands_survive_whatever_stands_in_the_place_of_a_file() {
    let lines =
        ["fmt", "fmt --check", "schema integration", "connectors list", "connectors show tap-x", "schema --write"];
    for place in ["spile.toml", "integrations/x.toml", "connectors/tap-x.toml", ".taplo.toml"] {
        for obstacle in
            [Obstacle::LinkOut, Obstacle::LinkToZero, Obstacle::LinkToGit, Obstacle::Dangling, Obstacle::Pipe]
        {
            let yard = Yard::new();
            yard.obstruct(place, obstacle);
            for line in lines {
                yard.survives(line);
            }
        }
    }
}

#[test]
fn init_writes_through_no_link() {
    for place in [".gitignore", ".taplo.toml", "integrations/example.toml", "integrations", "data"] {
        for obstacle in [Obstacle::LinkOut, Obstacle::LinkToFolderOut, Obstacle::Dangling, Obstacle::Pipe] {
            let yard = Yard::new();
            fs::remove_file(yard.root().join("spile.toml")).unwrap();
            yard.obstruct(place, obstacle);
            yard.survives("init");
        }
    }
}

#[test]
fn an_import_refuses_every_obstacle_in_place_of_its_files() {
    for place in ["meltano.yml", "extra.yml", "more/extra.yml"] {
        for obstacle in Obstacle::ALL {
            for pattern in ["extra.yml", "*.yml", "**/*.yml", "*/*.yml", "more/extra.yml"] {
                let yard = Yard::new();
                yard.write("root/meltano.yml", &format!("include_paths: ['{pattern}']\n"));
                yard.obstruct(place, obstacle);
                let (code, said) = yard.survives("import --yes");
                let is_meant = place == "meltano.yml"
                    || glob::Pattern::new(pattern).unwrap().matches_with(
                        place,
                        glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() },
                    );
                if is_meant {
                    assert_eq!(code, Some(1), "{pattern}: {place}: {obstacle:?}: {said}");
                    assert!(said.contains(place), "{pattern}: {place}: {obstacle:?}: {said}");
                }
            }
        }
    }
}

/// Searching through a link to the root of the file system would take as long as the disk is large.
#[test]
fn an_include_path_does_not_search_behind_a_link_out() {
    let yard = Yard::new();
    yard.write("root/meltano.yml", "include_paths: ['*/*/*/*/*/*/*.yml']\n");
    symlink("/", yard.root().join("disk")).unwrap();
    let (code, said) = yard.survives("import --yes");
    assert!(code == Some(1) && said.contains("disk"), "{said}");
}

#[test]
fn a_server_starts_or_says_why_not() {
    for place in ["spile.toml", "integrations/x.toml", "meltano.yml", "templates/meltano.yml.j2"] {
        for obstacle in [Obstacle::Pipe, Obstacle::LinkToZero, Obstacle::LinkOut] {
            let yard = Yard::new();
            yard.obstruct(place, obstacle);
            let mut server = yard.command("serve --bind 127.0.0.1:0 --no-login").spawn().unwrap();
            let notes = server.stderr.take().unwrap();
            let (to, from) = std::sync::mpsc::channel();
            std::thread::spawn(move || to.send(BufReader::new(notes).lines().next().and_then(Result::ok)));
            let first = from.recv_timeout(SOON);
            server.kill().unwrap();
            server.wait().unwrap();
            let said = first.unwrap_or_else(|_| panic!("{place}: {obstacle:?}: the server says nothing"));
            assert!(!said.unwrap_or_default().contains(CANARY), "{place}: {obstacle:?}");
        }
    }
}

/// A project of a hundred thousand files is slow, but works.
#[test]
fn a_hundred_thousand_files_are_no_problem() {
    let yard = Yard::new();
    for number in 0..100_000 {
        fs::File::create(yard.root().join(format!("integrations/note-{number}.md"))).unwrap();
    }
    let (code, said) = yard.survives("check");
    assert_eq!(code, Some(0), "{said}");
}

/// Each file is invalid, and each is reported once.
#[test]
fn twenty_thousand_invalid_files_are_reported() {
    let yard = Yard::new();
    for number in 0..20_000 {
        fs::File::create(yard.root().join(format!("integrations/n{number}.toml"))).unwrap();
    }
    let (code, said) = yard.survives("check --format json");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let problems = said["error"]["problems"].as_array().unwrap();
    assert!(code == Some(1) && problems.len() >= 20_000, "{code:?}: {}", problems.len());
}

/// Links that stay inside work, which shows that the others are refused because they lead outside.
#[test]
fn links_that_stay_inside_are_followed_and_stay_links() {
    let yard = Yard::new();
    for (place, real) in [("integrations/x.toml", "shared/x.toml"), ("messages", "texts"), ("spile.toml", "real.toml")]
    {
        let (place, real) = (yard.root().join(place), yard.root().join(real));
        fs::create_dir_all(real.parent().unwrap()).unwrap();
        fs::rename(&place, &real).unwrap();
        symlink(&real, &place).unwrap();
    }
    fs::write(yard.root().join("real.yml"), "").unwrap();
    symlink("real.yml", yard.root().join("meltano.yml")).unwrap();
    fs::create_dir(yard.root().join("airflow")).unwrap();
    symlink("airflow", yard.root().join("dags")).unwrap();
    assert_eq!(yard.survives("apply --yes").0, Some(0));
    let (code, said) = yard.survives("plan --offline --exit-code");
    assert_eq!(code, Some(0), "{said}");
    for link in ["meltano.yml", "dags", "spile.toml", "integrations/x.toml"] {
        assert!(yard.root().join(link).is_symlink(), "{link}");
    }
    assert!(is_rendered(&yard.root().join("real.yml")) && is_rendered(&yard.root().join("airflow/spile.py")));
}

fn is_rendered(path: &Path) -> bool {
    fs::read_to_string(path).unwrap().contains("spile")
}

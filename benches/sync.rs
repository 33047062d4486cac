//! How long a sync takes beside `meltano run` of the same two plugins, in a small project and in one of a thousand
//! integrations. `cargo bench --bench sync`; they run in turns, and besides the medians the fastest of each are compared:
//! noise only adds. Meltano and the plugins are installed first, under `target/`.
#![allow(clippy::expect_used, reason = "a bench may fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "a bench writes files and starts the program")]

mod parts;

use std::path::{Path, PathBuf};
use std::process::Command;

use parts::{Against, Took, median, once, row, table, write};

const ROUNDS: usize = 15;

fn main() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-sync");
    let project = Project { folder };
    project.set_up();
    table("A sync beside `meltano run` of the same plugins");
    project.measure(1, "1.03");
    project.grow(1_000);
    project.measure(1_000, "0.5");
}

struct Project {
    folder: PathBuf,
}

impl Project {
    fn set_up(&self) {
        let installed = self.folder.join(".spile/meltano");
        if !installed.exists() {
            drop(std::fs::remove_dir_all(&self.folder));
            std::fs::create_dir_all(&self.folder).expect("a folder is made");
            self.spile(&["init", "--name", "bench"]);
        }
        for file in self.folder.join("integrations").read_dir().expect("a folder").flatten() {
            if file.file_name().to_string_lossy().starts_with("more-") {
                std::fs::remove_file(file.path()).expect("a file is removed");
            }
        }
        self.spile(&["up", "--yes", "--allow", "delete=999"]);
    }

    /// Adds integrations until there are so many.
    fn grow(&self, count: usize) {
        for number in 1..count {
            let text = "type = \"singer-jsonl\"\nloader = \"files\"\nschedule = \"@daily\"\n[config]\nlocal.folders = [\"data\"]\n";
            write(&self.folder, &format!("integrations/more-{number}.toml"), text);
        }
        self.spile(&["apply", "--yes", "--no-input"]);
    }

    fn measure(&self, count: usize, asked: &str) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(once(|| self.spile(&["sync", "example"])));
            theirs.push(once(|| self.meltano()));
        }
        let times = [("fastest", fastest(&ours), fastest(&theirs)), ("median", median(ours), median(theirs))];
        for (what, ours, theirs) in times {
            let what = format!("spile sync, {what}");
            row((&what, count), Took::wall(ours), Against("meltano run", theirs), asked);
        }
    }

    fn spile(&self, words: &[&str]) {
        succeeds(Command::new(env!("CARGO_BIN_EXE_spile")).args(words).current_dir(&self.folder));
    }

    /// Runs Meltano as its users do.
    fn meltano(&self) {
        let mut command = Command::new(self.folder.join(".spile/meltano/bin/meltano"));
        command.args(["--environment", "dev", "run", "tap-singer-jsonl--example", "target-jsonl--files"]);
        command.env("MELTANO_SEND_ANONYMOUS_USAGE_STATS", "false").env_remove("PYTHONDONTWRITEBYTECODE");
        succeeds(command.current_dir(&self.folder));
    }
}

fn succeeds(command: &mut Command) {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn fastest(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

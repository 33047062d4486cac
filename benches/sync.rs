//! How long a sync takes beside `meltano run` of the same two plugins, in a small project and in one of a thousand
//! integrations. `cargo bench --bench sync`; the machine is noisy, so they run in turns, and the ratio is that of the
//! fastest of each: noise only adds. Medians are printed beside it. Meltano and the plugins are installed first, under
//! `target/`.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints, and may fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "a bench writes files and starts the program")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const ROUNDS: usize = 15;

fn main() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-sync");
    let project = Project { folder };
    project.set_up();
    println!("{:>12} {:>8} {:>14} {:>14} {:>8}", "integrations", "", "spile sync ms", "meltano run ms", "ratio");
    project.measure(1);
    project.grow(1_000);
    project.measure(1_000);
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
            let path = self.folder.join(format!("integrations/more-{number}.toml"));
            std::fs::write(path, text).expect("a file is written");
        }
        self.spile(&["apply", "--yes", "--no-input"]);
    }

    fn measure(&self, count: usize) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(timed(|| self.spile(&["sync", "example"])));
            theirs.push(timed(|| self.meltano()));
        }
        for (what, pick) in [("fastest", fastest as fn(&[Duration]) -> Duration), ("median", median)] {
            let (ours, theirs) = (pick(&ours), pick(&theirs));
            let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
            println!("{count:>12} {what:>8} {:>14} {:>14} {ratio:>8.3}", ours.as_millis(), theirs.as_millis());
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

fn timed(what: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    what();
    begun.elapsed()
}

fn fastest(times: &[Duration]) -> Duration {
    times.iter().min().copied().unwrap_or_default()
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() / 2]
}

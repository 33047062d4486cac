//! Fifty integrations, several at once, beside `xargs -P` of `meltano run`.

use std::fmt::Write as _;
use std::path::Path;

use crate::parts::{Against, Took, once, row, table};
use crate::pipe::{raw, sends};
use crate::shared::{Project, RUN, fastest, succeeds, turns};

const COUNT: usize = 50;

/// How often each is measured.
const TURNS: usize = 3;

pub fn measure() {
    let project = raw("jobs", "");
    sends(&project, 10, 200, "");
    let mut pairs = String::new();
    for number in 0..COUNT {
        project.write(&format!("integrations/things-{number}.toml"), "type = 'raw'\nloader = 'file'\n");
        let _ = writeln!(pairs, "tap-raw--things-{number} target-raw--file");
    }
    project.write("pairs", &pairs);
    project.spile(&["apply", "--yes"]);
    table("Fifty integrations of ten records");
    let all = |jobs: &str| once(|| project.spile(&["sync", "--all", "--jobs", jobs, "--retries", "0"]));
    let [one, two, four, eight, theirs] =
        turns(TURNS, [&|| all("1"), &|| all("2"), &|| all("4"), &|| all("8"), &|| once(|| xargs(&project))]);
    for (jobs, times) in [(1, one), (2, two), (4, four), (8, eight)] {
        let what = format!("spile sync --all --jobs {jobs}, fastest");
        row(&what, COUNT, Took::wall(fastest(&times)), Against("xargs -P2 meltano run", fastest(&theirs)), "");
    }
}

fn xargs(project: &Project) {
    let meltano = project.in_venv("meltano").display().to_string();
    let mut xargs = project.as_users(Path::new("xargs"), &[&["-P2", "-L1", meltano.as_str()], &RUN[..]].concat());
    succeeds(xargs.stdin(std::fs::File::open(project.folder.join("pairs")).expect("a file")));
}

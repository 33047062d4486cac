//! How long a run of one record takes: started cold, forked from a prepared Meltano, and with `meltano run`.

use std::time::Duration;

use crate::parts::{once, table};
use crate::pipe::{raw, sends};
use crate::shared::{Project, rows, turns};

/// How often each is measured.
const TURNS: usize = 9;

/// How many integrations one `run-due` runs. The first prepares Meltano.
const DUE: usize = 10;

pub fn measure() {
    let project = raw("start", "[sync]\njobs = 1\n");
    sends(&project, 1, 200, "");
    let integration = "type = 'raw'\nloader = 'file'\n";
    project.write("integrations/things.toml", integration);
    for number in 0..DUE {
        let text = integration.replace("loader", "schedule = '* * * * *'\nloader");
        project.write(&format!("integrations/due-{number}.toml"), &text);
    }
    project.spile(&["apply", "--yes"]);
    let [cold, theirs] = turns(
        TURNS,
        [&|| project.sync("things"), &|| once(|| project.meltano_run("tap-raw--things", "target-raw--file"))],
    );
    let warm: Vec<f64> = (0..2).flat_map(|_| forked(&project)).collect();
    table("A run of one record");
    rows("spile sync, cold", 1, &cold, "meltano run", &theirs, "0.8");
    rows("spile run-due, forked", 1, &warm, "meltano run", &theirs, "0.4");
}

/// Returns how long the runs of one `run-due` take, without the first.
fn forked(project: &Project) -> Vec<f64> {
    std::thread::sleep(Duration::from_secs(61));
    project.spile(&["run-due"]);
    let runs = project.runs(DUE - 1);
    let moment =
        |text: &serde_json::Value| text.as_str().expect("a moment").parse::<jiff::Timestamp>().expect("RFC 3339");
    let took = |run: &serde_json::Value| moment(&run["finished_at"]).duration_since(moment(&run["started_at"]));
    runs.iter().map(|run| took(run).as_secs_f64() * 1e3).collect()
}

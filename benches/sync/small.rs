//! A sync of three records in a small project, and in one of a thousand integrations.

use crate::parts::{once, table};
use crate::plugins::messages;
use crate::shared::{FILES, Project, rows, turns};

const ROUNDS: usize = 15;

pub fn measure() {
    let project = Project::new("small", "[project]\nname = 'bench'\n");
    project.write("data/rows.singer.jsonl", &messages(3));
    project.write("integrations/files.toml", FILES);
    let integration = "type = 'singer-jsonl'\nloader = 'files'\n[config]\nsource = 'local'\nlocal.folders = ['data']\n";
    project.write("integrations/example.toml", integration);
    project.spile(&["up", "--yes"]);
    table("A sync beside `meltano run` of the same plugins");
    compare(&project, 1, "1.03");
    for number in 1..1_000 {
        let text = integration.replace("[config]", "schedule = '@daily'\n[config]");
        project.write(&format!("integrations/more-{number}.toml"), &text);
    }
    project.spile(&["apply", "--yes", "--no-input"]);
    compare(&project, 1_000, "0.5");
}

fn compare(project: &Project, count: usize, asked: &str) {
    let meltano = || once(|| project.meltano_run("tap-singer-jsonl--example", "target-jsonl--files"));
    let [ours, theirs] = turns(ROUNDS, [&|| project.sync("example"), &meltano]);
    rows("spile sync", count, &ours, "meltano run", &theirs, asked);
}

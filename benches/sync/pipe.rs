//! Records between a tap and a loader that cost next to nothing: one writes a file, the other throws away what it gets.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::parts::{Against, Took, once, row, table};
use crate::shared::{Memory, Project, RUN, fastest, lay_package, succeeds, turns};

/// How often each size is measured.
const TURNS: usize = 7;

/// How many records of how many bytes are sent, and what is asked against `meltano run`.
struct Size {
    count: usize,
    bytes: usize,
    asked: &'static str,
}

const SIZES: [Size; 4] = [
    Size { count: 10_000, bytes: 200, asked: "1" },
    Size { count: 100_000, bytes: 200, asked: "1" },
    Size { count: 1_000_000, bytes: 200, asked: "0.32" },
    Size { count: 1_000_000, bytes: 1_000, asked: "0.32" },
];

const LAUNCHER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/sync/os_pipe.py");

pub fn measure() {
    let project = raw("pipe", "");
    project.write("integrations/things.toml", "type = 'raw'\nloader = 'file'\n");
    sends(&project, 10, 10, "");
    project.spile(&["apply", "--yes"]);
    table("Records between a tap and a loader that cost next to nothing");
    for Size { count, bytes, asked } in SIZES {
        sends(&project, count, bytes, "");
        let pair = ["tap-raw--things", "target-raw--file"];
        let pipe = || once(|| succeeds(&mut project.installed("python", &[&[LAUNCHER], &RUN[..], &pair].concat())));
        let meltano = || once(|| project.meltano_run(pair[0], pair[1]));
        let [ours, pipe, theirs] = turns(TURNS, [&|| project.sync("things"), &pipe, &meltano]);
        let what = format!("spile sync, {bytes} bytes each, fastest");
        let (ours, pipe, theirs) = (fastest(&ours), fastest(&pipe), fastest(&theirs));
        row(&what, count, Took::wall(ours), Against("meltano run", theirs), asked);
        row(&what, count, Took::wall(ours), Against("a pipe under Meltano", pipe), "1.1");
    }
    memory(&project);
    bookmarks(&project);
}

/// Makes a project with a tap that sends the file `sent`, and a loader that throws everything away.
pub fn raw(name: &str, more: &str) -> Project {
    let settings = format!("[project]\nname = 'bench'\n[run]\nenv = ['RAW_PLUGINS']\n{more}");
    let project = Project::new(name, &settings);
    lay_package(&project.folder, "raw-plugins", "raw_plugins.py");
    for (slug, kind, plugin) in [("raw", "extractor", "tap-raw"), ("raw-file", "loader", "target-raw")] {
        let text = format!(
            "kind = '{kind}'\nlabel = 'Raw'\n[plugin]\nname = '{plugin}'\nnamespace = 'raw'\n\
             pip_url = './raw-plugins'\nexecutable = '{plugin}'\ncapabilities = ['state']\n"
        );
        project.write(&format!("connectors/{slug}.toml"), &text);
    }
    project.write("integrations/file.toml", "type = 'raw-file'\nkind = 'loader'\n");
    project.write("end", "drain");
    project
}

/// Makes the tap send so many records of so many bytes, with a line after each.
pub fn sends(project: &Project, count: usize, bytes: usize, after: &str) {
    let pad = "x".repeat(bytes.saturating_sub(60));
    let mut text = String::from("{\"type\": \"SCHEMA\", \"stream\": \"a\", \"schema\": {}, \"key_properties\": []}\n");
    for id in 0..count {
        let record =
            format!("{{\"type\": \"RECORD\", \"stream\": \"a\", \"record\": {{\"id\": {id}, \"t\": \"{pad}\"}}}}\n");
        text.push_str(&record);
        text.push_str(after);
    }
    project.write("sent", &text);
}

/// Prints the most memory that each process of spile's own takes while a gigabyte passes.
fn memory(project: &Project) {
    let mut command = project.program(&["sync", "things"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let (mut program, mut relay) = (Memory::default(), Memory::default());
    while child.try_wait().expect("a child").is_none() {
        for Process { words, memory } in own_processes() {
            let most = if words.contains("__relay") { &mut relay } else { &mut program };
            *most = most.most(memory);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("\nMemory in MiB, own and resident (asked 30):\n");
    for (what, memory) in [("spile sync", program), ("its relay", relay)] {
        println!("- {what}: {:.1}, {:.1}", memory.own, memory.resident);
    }
}

/// A process of this program.
struct Process {
    words: String,
    memory: Memory,
}

/// Returns all processes of this program that run now.
fn own_processes() -> Vec<Process> {
    let program = Path::new(env!("CARGO_BIN_EXE_spile"));
    let ids = std::fs::read_dir("/proc").expect("Linux").flatten().map(|entry| entry.path());
    let own = ids.filter(|id| std::fs::read_link(id.join("exe")).is_ok_and(|exe| exe == program));
    let measured = own.filter_map(|id| {
        let memory = Memory::of(&id)?;
        Some(Process { words: std::fs::read_to_string(id.join("cmdline")).ok()?, memory })
    });
    measured.collect()
}

/// Measures a bookmark after each record.
fn bookmarks(project: &Project) {
    // The loader has to report them, so it reads each line.
    project.write("end", "");
    let state = "{\"type\": \"STATE\", \"value\": {\"bookmarks\": {\"a\": {\"last\": 1}}}}\n";
    let [with, without] = [state, ""].map(|after| {
        sends(project, 10_000, 200, after);
        fastest(&[(); TURNS].map(|()| project.sync("things")))
    });
    table("A bookmark after each record");
    row("spile sync", 10_000, Took::wall(with), Against("without bookmarks", without), "1.3");
}

//! What a source with thousands of streams costs beyond its tap.

use std::path::PathBuf;
use std::process::Command;

use crate::parts::{once, write};
use crate::shared::{FILES, Project, fastest, lay_package, succeeds};

pub fn measure() {
    Offer::set_up().measure();
}

/// A source that offers any number of streams with twenty fields each, of which one is selected.
struct Offer {
    project: Project,
    tap: PathBuf,
}

/// How many streams a small and a large source offer.
const SIZES: [usize; 2] = [20, 5_000];

impl Offer {
    fn set_up() -> Self {
        let settings = "[project]\nname = 'bench'\n[run]\nenv = ['TAP_FAULT_NOTES']\n[sync]\ncatalog = 'always'\n";
        let project = Project::new("catalog", settings);
        lay_package(&project.folder, "tap-fault", "tap_fault.py");
        let connector = "kind = 'extractor'\nlabel = 'Fault'\n[plugin]\nname = 'tap-fault'\nnamespace = 'tap_fault'\n\
                         pip_url = './tap-fault'\nexecutable = 'tap-fault'\n\
                         capabilities = ['catalog', 'discover', 'state']\n[[settings]]\nname = 'mode'\n";
        project.write("connectors/fault.toml", connector);
        project.write("integrations/files.toml", FILES);
        let things = "type = 'fault'\nloader = 'files'\nselect = ['s17.*']\n[config]\nmode = 'source'\n";
        project.write("integrations/things.toml", things);
        project.write("config.json", "{\"mode\": \"source\"}");
        let this = Self { tap: project.folder.join("tap"), project };
        this.offers(SIZES[0]);
        this.project.spile(&["up", "--yes"]);
        let installed = this.project.folder.join(".meltano/extractors").read_dir().expect("plugins").flatten().next();
        Self { tap: installed.expect("the tap").path().join("venv/bin/tap-fault"), ..this }
    }

    fn offers(&self, count: usize) {
        let fields: Vec<String> = (0..20).map(|number| format!("\"field_{number}\"")).collect();
        let stream = |number| format!("\"s{number}\": {{\"fields\": [{}], \"records\": 3}}", fields.join(", "));
        let streams: Vec<String> = (0..count).map(stream).collect();
        self.project.write("notes/streams.json", &format!("{{{}}}", streams.join(", ")));
    }

    /// Measures the tap alone: a discovery, and a run with the resulting catalog.
    fn tap(&self) {
        let folder = &self.project.folder;
        let tap = || {
            let mut command = Command::new(&self.tap);
            command.current_dir(folder).args(["--config", "config.json"]).env("TAP_FAULT_NOTES", folder.join("notes"));
            command
        };
        let catalog = tap().arg("--discover").output().expect("it starts").stdout;
        let selected =
            String::from_utf8(catalog).expect("JSON").replace("\"available\"", "\"available\", \"selected\": false");
        write(folder, "catalog.json", &selected);
        succeeds(tap().args(["--catalog", "catalog.json"]));
    }

    fn measure(&self) {
        let [small, large] = SIZES.map(|count| {
            self.offers(count);
            let times = [(); 5].map(|()| (self.project.sync("things"), once(|| self.tap())));
            (fastest(&times.map(|(ours, _)| ours)), fastest(&times.map(|(_, its)| its)))
        });
        println!("\n### A source of {} streams\n", SIZES[1]);
        println!("| what | how many | s | tap alone | asked |\n|---|---:|---:|---:|---|");
        for (count, (ours, its)) in SIZES.into_iter().zip([small, large]) {
            println!("| spile sync with a new catalog | {count} | {:.2} | {:.2} | |", ours / 1e3, its / 1e3);
        }
        let beyond = (large.0 - small.0) - (large.1 - small.1);
        println!("| beyond the tap's own | | {:.2} | | 2 s |", beyond / 1e3);
    }
}

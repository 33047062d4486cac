//! dlt, Sling and ingestr from the Python index: the newest versions whose programs come with their packages, with their own
//! defaults. Later packages of Sling and ingestr download a program when they start.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::parts::{venv, write};
use crate::plugins::record;
use crate::shared::{PASSWORD, succeeds};

const DLT: [&str; 3] = ["dlt[duckdb]==1.31.0", "sqlalchemy==2.0.44", "psycopg2-binary==2.9.11"];

const SLING: [&str; 2] = ["sling==1.4.11", "sling-linux-amd64==1.4.11"];

const INGESTR: [&str; 1] = ["ingestr==0.14.155"];

/// The other tools, which read and write in one folder.
pub struct Rivals {
    folder: PathBuf,
    dlt: PathBuf,
    sling: PathBuf,
    ingestr: PathBuf,
}

impl Rivals {
    pub fn set_up(folder: &Path) -> Self {
        let sling = venv(&SLING).join("lib");
        let python = std::fs::read_dir(&sling).expect("a virtual environment").flatten().next().expect("a Python");
        let program = python.path().join("site-packages/sling_linux_amd64/bin/sling-linux-amd64");
        succeeds(Command::new("chmod").arg("+x").arg(&program));
        let [dlt, ingestr] = [(&DLT[..], "python"), (&INGESTR[..], "ingestr")]
            .map(|(packages, program)| venv(packages).join("bin").join(program));
        Self { folder: folder.to_owned(), dlt, sling: program, ingestr }
    }

    /// Writes the records that Singer's messages contain as plain JSON Lines, and as CSV.
    pub fn write_rows(&self, count: usize) {
        let (mut json, mut csv) = (String::new(), String::from("id,name,updated_at\n"));
        for id in 0..count {
            let _ = writeln!(json, "{}", record(id));
            let _ = writeln!(csv, "{id},row {id},2026-01-01T00:00:00Z");
        }
        write(&self.folder, "rows.jsonl", &json);
        write(&self.folder, "rows.csv", &csv);
    }

    fn run(&self, program: &Path, words: &[&str]) {
        let mut command = Command::new(program);
        command.args(words).current_dir(&self.folder).env("HOME", &self.folder);
        for name in ["SLING_DISABLE_TELEMETRY", "INGESTR_DISABLE_TELEMETRY", "DISABLE_TELEMETRY"] {
            command.env(name, "true");
        }
        succeeds(command.env("RUNTIME__DLTHUB_TELEMETRY", "false"));
    }

    /// JSON Lines to JSON Lines.
    pub fn sling(&self) {
        let url = |path: &str| format!("file://{}", self.folder.join(path).display());
        let (from, to) = (url("rows.jsonl"), url("output/rows.jsonl"));
        self.run(&self.sling, &["run", "--src-stream", &from, "--tgt-object", &to]);
    }

    /// JSON Lines to DuckDB.
    pub fn dlt_file(&self) {
        self.dlt("file", "records = dlt.resource((json.loads(line) for line in open('rows.jsonl')), name='rows')");
    }

    /// All tables of a Postgres to DuckDB.
    pub fn dlt_tables(&self, port: u16) {
        let url = format!("postgresql://shop:{PASSWORD}@127.0.0.1:{port}/postgres");
        let source = "from dlt.sources.sql_database import sql_database\n";
        self.dlt("tables", &format!("{source}records = sql_database('{url}', schema='public')"));
    }

    /// Runs a script that loads `records`.
    fn dlt(&self, name: &str, records: &str) {
        drop(std::fs::remove_dir_all(self.folder.join("pipelines")));
        let script = format!(
            "import json, dlt\n{records}\n\
             there = dlt.destinations.duckdb('warehouse.duckdb')\n\
             pipeline = dlt.pipeline('{name}', destination=there, dataset_name='loaded', pipelines_dir='pipelines')\n\
             pipeline.run(records).raise_on_failed_jobs()\n"
        );
        self.run(&self.dlt, &["-c", &script]);
    }

    /// CSV to DuckDB: it does not read JSON Lines.
    pub fn ingestr_file(&self) {
        self.ingestr("csv://rows.csv", "rows");
    }

    /// One table of a Postgres to DuckDB.
    pub fn ingestr_table(&self, port: u16, table: &str) {
        self.ingestr(&format!("postgresql://shop:{PASSWORD}@127.0.0.1:{port}/postgres"), &format!("public.{table}"));
    }

    fn ingestr(&self, from: &str, table: &str) {
        let into = format!("loaded.{}", table.trim_start_matches("public."));
        let words = ["ingest", "--yes", "--source-uri", from, "--source-table", table];
        let there = ["--dest-uri", "duckdb:///warehouse.duckdb", "--dest-table", &into];
        self.run(&self.ingestr, &[&words[..], &there].concat());
    }
}

/// Returns how many rows a table of a file of DuckDB has.
pub fn rows_of(file: &Path, schema: &str, table: &str) -> usize {
    let script = format!(
        "import duckdb, sys; print(duckdb.connect(sys.argv[1], read_only=True).execute('select count(*) from {schema}.\"{table}\"').fetchall()[0][0])"
    );
    let output =
        Command::new(venv(&DLT).join("bin/python")).args(["-c", &script]).arg(file).output().expect("it starts");
    let text = String::from_utf8(output.stdout).expect("a number");
    text.trim().parse().unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

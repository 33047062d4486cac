//! Eight tables of a real Postgres, read in full: side by side, beside `meltano run`, and beside other tools.

use std::path::Path;

use crate::parts::{once, table};
use crate::postgres::Postgres;
use crate::rivals::{Rivals, rows_of};
use crate::shared::{DUCK, FILES, Project, lines, number_of, rows, turns};

/// How many tables there are.
const TABLES: usize = 8;

/// How often each pair is measured.
const TURNS: usize = 3;

/// A loader of the bench.
struct Loader {
    slug: &'static str,
    plugin: &'static str,
    /// What is asked against `meltano run`.
    asked: &'static str,
}

const LOADERS: [Loader; 3] = [
    Loader { slug: "files", plugin: "target-jsonl--files", asked: "1" },
    Loader { slug: "duck", plugin: "target-duckdb--duck", asked: "1" },
    Loader { slug: "lake", plugin: "target-postgres--lake", asked: "1" },
];

pub fn measure() {
    let Some(server) = Postgres::shared() else { return };
    let bench = Bench { project: project(server.port), server, count: number_of("SPILE_BENCH_ROWS", 100_000) };
    bench.fill();
    bench.reads_with(1);
    bench.project.spile(&["secrets", "init"]);
    bench.project.sets_password("lake");
    for loader in LOADERS {
        bench.project.sets_password(&format!("shop-{}", loader.slug));
    }
    bench.project.spile(&["apply", "--yes"]);
    bench.side_by_side();
    for loader in LOADERS {
        bench.beside_meltano(&loader);
    }
    bench.beside_others();
}

fn project(port: u16) -> Project {
    let project = Project::new("tables", "");
    project.write("integrations/files.toml", FILES);
    project.write("integrations/duck.toml", DUCK);
    let lake = format!(
        "type = 'postgres'\nkind = 'loader'\n[config]\nhost = '127.0.0.1'\nport = {port}\nuser = 'shop'\n\
         database = 'lake'\ndefault_target_schema = 'raw'\n"
    );
    project.write("integrations/lake.toml", &lake);
    for loader in LOADERS {
        let shop = format!(
            "type = 'postgres'\nloader = '{}'\nselect = ['public-t*.*']\n[config]\nhost = '127.0.0.1'\nport = {port}\n\
             user = 'shop'\ndatabase = 'postgres'\nfilter_schemas = ['public']\n",
            loader.slug
        );
        project.write(&format!("integrations/shop-{}.toml", loader.slug), &shop);
    }
    project
}

struct Bench {
    project: Project,
    server: &'static Postgres,
    count: usize,
}

impl Bench {
    fn fill(&self) {
        let sql = |database: &str, text: &str| self.server.sql(database, text).unwrap();
        for table in 0..TABLES {
            let text = format!(
                "create table t{table}(id bigint primary key, name text, updated_at timestamptz not null); \
                 insert into t{table} select g, 'row ' || g, '2026-01-01'::timestamptz + g * interval '1 second' \
                 from generate_series(1, {}) g; grant select on t{table} to shop",
                self.count
            );
            sql("postgres", &text);
        }
        sql("postgres", "create database lake");
        sql("lake", "grant create on database lake to shop");
    }

    /// Sets how many processes read.
    fn reads_with(&self, streams: usize) {
        let settings = format!("[project]\nname = 'bench'\n[sync]\njobs = 2\nstreams = {streams}\nverify = 'off'\n");
        self.project.write("spile.toml", &settings);
    }

    /// Returns how long something takes that begins without a result, and checks the result.
    fn timed(&self, loader: &str, act: &dyn Fn()) -> f64 {
        drop(std::fs::remove_dir_all(self.project.folder.join("output")));
        std::fs::create_dir_all(self.project.folder.join("output")).expect("a folder");
        for file in ["warehouse.duckdb", "warehouse.duckdb.wal"] {
            drop(std::fs::remove_file(self.project.folder.join(file)));
        }
        self.server.sql("lake", "drop schema if exists raw cascade").unwrap();
        let took = once(act);
        for table in 0..TABLES {
            assert_eq!(self.loaded(loader, table), self.count, "{loader}, table {table}");
        }
        took
    }

    fn loaded(&self, loader: &str, table: usize) -> usize {
        let root: &Path = &self.project.folder;
        let name = format!("t{table}");
        match loader {
            "files" => lines(&root.join(format!("output/public-{name}.jsonl"))),
            "duck" => rows_of(&root.join("warehouse.duckdb"), "raw", &name),
            "loaded" => rows_of(&root.join("warehouse.duckdb"), "loaded", &name),
            _ => {
                let text = format!("select count(*) from raw.{name}");
                self.server.sql("lake", &text).unwrap().trim().parse().expect("a number")
            }
        }
    }

    fn sync(&self, streams: usize, loader: &str) -> f64 {
        self.reads_with(streams);
        let slug = format!("shop-{loader}");
        self.timed(loader, &|| self.project.spile(&["sync", &slug, "--retries", "0"]))
    }

    fn side_by_side(&self) {
        table("Eight tables of Postgres to JSON Lines, side by side");
        let [two, one] = turns(TURNS, [&|| self.sync(2, "files"), &|| self.sync(1, "files")]);
        rows("spile sync, streams = 2", TABLES * self.count, &two, "streams = 1", &one, "0.63");
    }

    fn beside_meltano(&self, loader: &Loader) {
        table(&format!("Eight tables of Postgres to {}", loader.plugin));
        let run = || {
            let tap = format!("tap-postgres--shop-{}", loader.slug);
            self.timed(loader.slug, &|| self.project.meltano_run(&tap, loader.plugin))
        };
        let [ours, theirs] = turns(TURNS, [&|| self.sync(1, loader.slug), &run]);
        rows("spile sync", TABLES * self.count, &ours, "meltano run", &theirs, loader.asked);
    }

    fn beside_others(&self) {
        let rivals = Rivals::set_up(&self.project.folder);
        let port = self.server.port;
        table("Eight tables of Postgres to DuckDB, beside other tools");
        let [ours, dlt, ingestr] = turns(
            TURNS,
            [&|| self.sync(1, "duck"), &|| self.timed("loaded", &|| rivals.dlt_tables(port)), &|| {
                self.timed("loaded", &|| (0..TABLES).for_each(|table| rivals.ingestr_table(port, &format!("t{table}"))))
            }],
        );
        rows("spile sync", TABLES * self.count, &ours, "dlt", &dlt, "");
        rows("spile sync", TABLES * self.count, &ours, "ingestr, a process for each table", &ingestr, "");
    }
}

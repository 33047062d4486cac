//! The built program over a hosted registry.

use super::hosted::HostedRows;
use super::parts;
use super::proxy::{Fault, Proxy};
use crate::cli::program::{Came, run};
use crate::cli::schemas::holds;
use crate::folder::Folder;

/// A project with a hosted registry.
struct Project {
    subject: HostedRows,
    folder: Folder,
}

impl Project {
    fn start() -> Option<Self> {
        let (subject, folder) = (HostedRows::start()?, Folder::project());
        let text = folder.read("spile.toml")
            + "\n[registry]\nkind = \"supabase\"\nurl = \"${SUPABASE_URL}\"\nkey = \"${SUPABASE_SECRET_KEY}\"\nrest_path = \"\"\n";
        folder.write("spile.toml", &text);
        Some(Self { subject, folder })
    }

    /// Runs a command line with the key of a role.
    fn spile(&self, line: &str, role: &str) -> Came {
        self.spile_at(&self.subject.database.url, line, role)
    }

    fn spile_at(&self, url: &str, line: &str, role: &str) -> Came {
        let mut command = self.folder.command(line);
        command.env("SUPABASE_URL", url).env("SUPABASE_SECRET_KEY", self.subject.database.key(role));
        run(&mut command)
    }
}

#[test]
fn the_program_plans_applies_and_shows_the_status() {
    let Some(project) = Project::start() else { return };
    assert!(project.spile("migrate --check", "service_role").exits(0).out.contains("version 6"));
    project.spile("plan --exit-code", "spile_planner").exits(2);
    let refused = project.spile("apply --yes", "spile_planner").exits(1);
    assert!(refused.notes.contains("apply needs a secret or service_role key"), "{}", refused.notes);
    project.spile("apply --yes", "service_role").exits(0);
    project.spile("plan --exit-code", "spile_planner").exits(0);
    let status = project.spile("status --format json", "service_role").exits(0).json();
    assert_eq!(status["integrations"][0]["status"], "pending");
    project.subject.database.sql("update public.integrations set name = 'by hand'");
    let planned = project.spile("plan", "service_role").exits(0);
    assert!(planned.out.contains("fruit has changed in the registry"), "{}", planned.out);
    assert!(project.spile("doctor", "service_role").out.contains("no table is exposed"));
}

#[test]
fn a_plan_without_changes_sends_one_request_and_others_fetch_the_changes() {
    let Some(project) = Project::start() else { return };
    project.spile("apply --yes", "service_role").exits(0);
    let proxy = Proxy::beside(&project.subject.database.url);
    let sent = || proxy.seen().into_iter().map(|seen| seen.line).collect::<Vec<_>>();
    project.spile_at(&proxy.url, "plan --exit-code", "service_role").exits(0);
    assert_eq!(sent(), ["POST /rpc/spile_state", "POST /rpc/spile_rows"], "nothing is cached for this address");
    project.spile_at(&proxy.url, "plan --exit-code", "service_role").exits(0);
    assert_eq!(sent(), ["POST /rpc/spile_state"]);
    project.subject.database.sql("update public.integrations set name = 'by hand'");
    project.spile_at(&proxy.url, "plan --exit-code", "service_role").exits(2);
    assert_eq!(sent(), ["POST /rpc/spile_state", "POST /rpc/spile_rows"]);
}

/// One response is lost in each apply, each time a different one: apply succeeds anyway, and nothing is left to do.
#[test]
fn an_apply_recovers_from_any_lost_response() {
    let Some(project) = Project::start() else { return };
    let proxy = Proxy::beside(&project.subject.database.url);
    project.spile_at(&proxy.url, "apply --yes", "service_role").exits(0);
    let requests = proxy.seen().len();
    assert!(requests > 3, "{requests}");
    for lost in 0..requests {
        project.folder.integration("fruit", &format!("data-{lost}"));
        let faults: Vec<Fault> = (0..=lost).map(|at| if at == lost { Fault::CutAfter } else { Fault::None }).collect();
        proxy.next(&faults);
        project.spile_at(&proxy.url, "apply --yes", "service_role").exits(0);
        project.spile("plan --exit-code", "service_role").exits(0);
    }
    let audited = project.subject.database.sql("select count(*) from public.integration_changes");
    assert_eq!(audited, (requests + 1).to_string(), "each apply was done once");
}

/// From some request on, the connection is dead: apply reports it, the plan shows what is left, and the next apply
/// finishes it.
#[test]
fn an_apply_with_a_dead_connection_is_finished_by_the_next_one() {
    let Some(project) = Project::start() else { return };
    let proxy = Proxy::beside(&project.subject.database.url);
    project.spile_at(&proxy.url, "apply --yes", "service_role").exits(0);
    let requests = proxy.seen().len();
    let mut left = Vec::new();
    for alive in 0..requests {
        project.folder.integration("fruit", &format!("dead-{alive}"));
        proxy.after(alive, Fault::Unavailable);
        let came = project.spile_at(&proxy.url, "apply --yes", "service_role").exits(1);
        assert!(came.notes.contains("the registry is not available"), "{}", came.notes);
        left.push(project.spile("plan --exit-code", "service_role").code);
        proxy.next(&[]);
        project.spile_at(&proxy.url, "apply --yes", "service_role").exits(0);
        project.spile("plan --exit-code", "service_role").exits(0);
    }
    assert!(left.contains(&0) && left.contains(&2) && left.iter().all(|code| [0, 2].contains(code)), "{left:?}");
}

/// psql runs the SQL that the program prints, and the program reads its output.
#[test]
fn an_existing_table_is_checked_beforehand() {
    let (Some(database), folder) = (parts::Supabase::start(), Folder::project()) else { return };
    database.sql(
        "set role postgres;
         create table integrations (id uuid primary key, name text, config json, team uuid not null);
         revoke all on integrations from anon, authenticated",
    );
    let ask = || {
        folder.write("answer.json", &database.sql_as("postgres", &folder.spile("migrate --check-table").out).unwrap());
    };
    ask();
    let found = folder.spile("migrate --check-table answer.json").exits(1).out;
    let lines = "must change\n  `config` is json, and has to be jsonb\n      alter table public.integrations alter column config \
                 type jsonb using config::jsonb;\n  `team` has to be given in every row";
    assert!(found.contains(lines) && found.contains("is added\n  the column `type` text\n"), "{found}");
    assert!(found.contains("fits\n  `id` uuid\n") && !found.contains("is changed"), "{found}");
    assert!(found.ends_with("with `table` under `[registry]` in `spile.toml`\n"), "{found}");
    let json = folder.spile("migrate --check-table answer.json --format json").exits(1).json();
    holds("migrate-check-table", &json);
    assert_eq!(json["fits"], false);
    database.sql_as("postgres", "alter table integrations alter column config type jsonb using config::jsonb, alter column team drop not null").unwrap();
    ask();
    let mut piped = folder.command("migrate --check-table -");
    let piped = piped.stdin(std::fs::File::open(folder.join("answer.json")).unwrap());
    assert!(run(piped).exits(0).out.ends_with("can be used: the next step is `spile migrate`\n"));
    database.migrate();
}

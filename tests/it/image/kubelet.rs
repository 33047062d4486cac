//! A simulated kubelet: starts the containers of the Kubernetes output with their environment and empty volumes.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::container::{Container, Network, Root};
use crate::outputs::kubernetes::documents;
use crate::project::{FAULT, LOADER, Project, Ran, things};
use crate::supabase::hosted::HostedRows;

/// A cluster with one project, and the registry that it uses.
struct Cluster {
    project: Project,
    registry: HostedRows,
    /// The folder of the destination.
    outside: tempfile::TempDir,
}

/// The volumes of a pod, each an empty folder, by the path at which the container has them.
type Volumes = BTreeMap<String, tempfile::TempDir>;

impl Cluster {
    fn start(values: &str) -> Option<Self> {
        if !Container::is_possible() {
            return None;
        }
        let (registry, project) = (HostedRows::start()?, Project::new());
        let cluster = Self { project, registry, outside: tempfile::tempdir().unwrap() };
        cluster.project.add_fault("well");
        let hosted =
            "[registry]\nkind = 'supabase'\nurl = '${SUPABASE_URL}'\nkey = '${SUPABASE_SECRET_KEY}'\nrest_path = ''\n";
        let output = format!(
            "[[outputs]]\ntemplate = 'kubernetes'\npath = 'deploy/spile.yml'\nvalues = {{ image = 'x', secret = 'spile', {values} }}\n"
        );
        cluster.project.write("spile.toml", &format!("{FAULT}{hosted}{output}"));
        let folder = format!("'{}'", cluster.outside.path().display());
        cluster.project.write("integrations/files.toml", &LOADER.replace("'output'", &folder));
        cluster.set_mode("well");
        cluster.project.spile(&["bake"]).succeeds();
        Some(cluster)
    }

    /// Changes what the tap does, and applies it.
    fn set_mode(&self, mode: &str) {
        let text = things(mode).replace("[config]", "schedule = '@hourly'\n[config]");
        self.project.write("integrations/things.toml", &text);
        let mut apply = self.project.command(&["apply", "--yes"]);
        Ran(apply.envs(self.secret()).output().unwrap()).succeeds();
    }

    /// The variables of the Secret that the output names.
    fn secret(&self) -> BTreeMap<String, String> {
        let key = self.registry.database.key("service_role");
        [("SUPABASE_URL", self.registry.database.url.clone()), ("SUPABASE_SECRET_KEY", key)]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }

    /// Returns the pod of the only object of a kind.
    fn pod(&self, kind: &str, path: &str) -> Value {
        let objects = documents(&self.project.read("deploy/spile.yml"));
        let object = objects.into_iter().find(|one| one["kind"] == kind).unwrap();
        object.pointer(path).unwrap().clone()
    }

    /// Makes the volumes of a pod and the container that has them.
    fn container(&self, pod: &Value) -> (Container, Volumes) {
        let described = &pod["containers"][0];
        let mounts = described["volumeMounts"].as_array().unwrap().iter();
        let path = |mount: &Value| mount["mountPath"].as_str().unwrap().to_owned();
        let volumes: Volumes = mounts.map(|mount| (path(mount), tempfile::tempdir().unwrap())).collect();
        let mut container = Container { network: Network::Host, ..Container::in_folder(self.project.path()) };
        assert_eq!(described["securityContext"]["readOnlyRootFilesystem"], true);
        container.root = Root::ReadOnly;
        container.writable = volumes.values().map(|folder| folder.path().to_owned()).collect();
        container.writable.push(self.outside.path().to_owned());
        for variable in described["env"].as_array().unwrap() {
            let value = variable["value"].as_str().unwrap();
            let value = volumes.get(value).map_or(value, |folder| folder.path().to_str().unwrap());
            container = container.env(variable["name"].as_str().unwrap(), value);
        }
        assert_eq!(described["envFrom"][0]["secretRef"]["name"], "spile");
        container.environment.extend(self.secret());
        // The folder in place of /tmp.
        let container = container.env("TMPDIR", volumes["/tmp"].path().to_str().unwrap());
        (container, volumes)
    }

    /// Runs the job of the only `CronJob` on an empty disk.
    fn run_job(&self) -> Ran {
        let pod = self.pod("CronJob", "/spec/jobTemplate/spec/template/spec");
        let (container, _volumes) = self.container(&pod);
        container.spile(&args(&pod).iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn results(&self) -> String {
        self.registry.database.sql("select string_agg(status, ' ' order by started_at) from integration_runs")
    }
}

fn args(pod: &Value) -> Vec<String> {
    let args = pod["containers"][0]["args"].as_array().unwrap().iter();
    args.map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[test]
fn jobs_sync_on_empty_disks_and_leave_their_results_in_the_registry() {
    let Some(cluster) = Cluster::start("") else { return };
    for records in [3, 6] {
        let ran = cluster.run_job();
        assert_eq!(ran.0.status.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
        let written = std::fs::read_to_string(cluster.outside.path().join("things.jsonl")).unwrap();
        assert_eq!(written.lines().count(), records, "the second pod resumes from the registry's bookmark");
    }
    assert_eq!(cluster.results(), "ok ok");
    cluster.set_mode("fail");
    assert_eq!(cluster.run_job().0.status.code(), Some(1), "so that Kubernetes sees the failure");
    assert_eq!(cluster.results(), "ok ok failed");
}

#[test]
fn the_scheduler_answers_its_probes() {
    let Some(cluster) = Cluster::start("scheduler = true") else { return };
    let pod = cluster.pod("Deployment", "/spec/template/spec");
    let (container, _volumes) = cluster.container(&pod);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let args = args(&pod).into_iter().map(|word| word.replace(":8320", &format!(":{port}"))).collect::<Vec<_>>();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut command = container.command(Path::new(env!("CARGO_BIN_EXE_spile")), &words);
    let mut server = Server(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let probe = &pod["containers"][0][probe]["httpGet"];
        let host = probe["httpHeaders"][0]["value"].as_str().unwrap();
        server.answers(port, probe["path"].as_str().unwrap(), host);
    }
}

/// A server that ends with its test.
struct Server(Child);

impl Server {
    /// Waits until it answers a probe with success.
    fn answers(&mut self, port: u16, path: &str, host: &str) {
        let begun = Instant::now();
        let mut last = String::new();
        while begun.elapsed() < Duration::from_mins(2) {
            assert_eq!(self.0.try_wait().unwrap(), None, "it ended: {last}");
            last = get(port, path, host).unwrap_or_else(|error| error.to_string());
            if last.starts_with("HTTP/1.1 200") {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("it does not answer: {last}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn get(port: u16, path: &str, host: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

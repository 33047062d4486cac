//! Request bodies: the server never fails because of one, and writes nothing, because it may not.
//!
//! The first byte is the request, the rest its body.
#![no_main]

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use spile_server::{App, Login, Setup, Writing, router};
use spile_world::keys::Places;
use spile_world::processes::meltano::Host;
use spile_world::{Keys, Outside, Project};
use tokio::runtime::Runtime;
use tower::ServiceExt;

const JSON: &str = "application/json";

const FORM: &str = "application/x-www-form-urlencoded";

const REQUESTS: [(Method, &str, &str); 8] = [
    (Method::POST, "/api/integrations", JSON),
    (Method::PUT, "/api/integrations/fruit", JSON),
    (Method::POST, "/api/applies", JSON),
    (Method::POST, "/api/notifications", JSON),
    (Method::POST, "/api/discover", FORM),
    (Method::POST, "/check/extractor/postgres?field=config.host", FORM),
    (Method::POST, "/integrations/fruit/settings", FORM),
    (Method::POST, "/integrations/bulk", FORM),
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((first, body)) = bytes.split_first() else { return };
    let (method, path, kind) = &REQUESTS[usize::from(first % 8)];
    if body.windows(4).any(|word| word == b"test" || word == b"sync") {
        // No run may start here.
        return;
    }
    let (runtime, router) = server();
    let request = Request::builder().method(method).uri(*path).header("content-type", *kind);
    let request = request.header("host", "localhost").body(Body::from(body.to_vec())).expect("a request");
    let response = runtime.block_on(router.clone().oneshot(request)).expect("it answers");
    let status = response.status();
    assert!(!status.is_server_error(), "{method} {path}: {status}");
});

fn server() -> &'static (Runtime, Router) {
    static SERVER: OnceLock<(Runtime, Router)> = OnceLock::new();
    SERVER.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("spile-fuzz-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
            std::fs::write(path, text).expect("a file is written");
        };
        write("spile.toml", "[project]\nname = \"fuzz\"\n");
        write("integrations/lake.toml", "type = \"jsonl\"\nkind = \"loader\"\n");
        write(
            "integrations/fruit.toml",
            "type = \"singer-jsonl\"\nloader = \"lake\"\n[config]\nlocal.folders = [\"data\"]\n",
        );
        let app = App::new(Setup {
            project: Project::at(folder),
            environment: None,
            outside: Outside { keys: Arc::new(Keys::new(Places::default())), variables: |_| None },
            places: Places::default(),
            host: Host::default(),
            writing: Writing::Not,
            login: Login::Open,
            trust: None,
            rate: u32::MAX,
            port: 80,
            hosts: vec!["localhost".to_owned()],
            jobs: Some(1),
            timeout: None,
            turns: spile_ops::run::RunSlots::new(1),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        (runtime, router(&app))
    })
}

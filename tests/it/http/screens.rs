//! How pages look: their pixels, compared with images in `tests/screens`.
//!
//! `SPILE_BLESS_SCREENS=1` makes the images again. What was found instead of an image is in `target/tmp/screens`.

use std::ffi::OsString;
use std::path::Path;

use super::Server;
use super::browser::walk;
use crate::folder::Folder;

/// A project without secrets, runs and other things that differ from day to day.
fn project() -> Folder {
    let project = Folder::new();
    project.write("spile.toml", "[project]\nname = 'acme-analytics'\n");
    project.write(
        "integrations/warehouse.toml",
        "id = 'a3a1f3c0-54a5-4f0c-8d8e-1b7f0f6f7c11'\nkind = 'loader'\ntype = 'jsonl'\nname = 'Warehouse'\n",
    );
    let source = |id: u8, kind: &str, name: &str, config: &str| {
        format!(
            "id = 'a3a1f3c0-54a5-4f0c-8d8e-1b7f0f6f7c2{id}'\ntype = '{kind}'\nname = '{name}'\nloader = 'warehouse'\n\
             schedule = '@daily'\n[config]\n{config}\n"
        )
    };
    project.write("integrations/code.toml", &source(1, "github", "Engineering", "repositories = ['acme/web']"));
    project.write("integrations/shop.toml", &source(2, "singer-jsonl", "Web shop", "local.folders = ['data']"));
    project.spile("apply --yes").exits(0);
    project
}

/// Has something to show on each page: pending changes, drift, and activity.
fn change(project: &Folder) {
    let shop = project.read("integrations/shop.toml").replace("Web shop", "Web shop (EU)");
    project.write("integrations/shop.toml", &shop);
    let database = rusqlite::Connection::open(project.join(".spile/registry.db")).unwrap();
    database.execute("UPDATE integrations SET name = 'Other' WHERE slug = 'code'", ()).unwrap();
}

#[tokio::test]
async fn pages_look_as_they_did() {
    let project = project();
    change(&project);
    let server = Server::of_folder(&project, &["--design"]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut environment = vec![
        ("SCREENS", root.join("tests/screens").into_os_string()),
        ("FOUND", Path::new(env!("CARGO_TARGET_TMPDIR")).join("screens").into_os_string()),
    ];
    environment.extend(std::env::var_os("SPILE_BLESS_SCREENS").map(|_| ("BLESS", OsString::from("1"))));
    let Some(said) = walk("screens.mjs", &server, project.path(), environment).await else { return };
    assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
    if said.stdout.contains("another Chromium") {
        crate::tools::not_tested("exactly how pages look", said.stdout.lines().next().unwrap_or_default());
    }
    assert!(server.stop().success());
}

//! Logos of connectors: the project's files that connector definitions name, and the marks of known brands.

use std::path::Path;

use axum::extract::{self, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use include_dir::{Dir, include_dir};

use super::app::App;
use super::caller::Caller;
use super::change;
use super::refusal::Refusal;
use spile_core::connector::Role;
use spile_world::Project;

/// The image types that are served, by file extension.
const KINDS: [(&str, &str); 6] = [
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("webp", "image/webp"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
];

/// The largest logo that is served, in bytes.
const LARGEST: u64 = 512 * 1024;

/// Keeps an SVG that is opened directly from running scripts or loading anything.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// The marks of brands, each named after what it is connected with: `stripe.svg`.
static BRANDS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../assets/logos");

/// Returns the path of a connector's logo on this server: the file that its definition names, or the mark of its brand.
/// Logos elsewhere are not shown, because the server fetches nothing.
pub fn path(role: Role, name: &str, named: Option<&str>) -> Option<String> {
    let own = named.filter(|named| !named.contains("://")).map(|_| format!("/logos/{role}/{name}"));
    own.or_else(|| brand(name).map(|brand| format!("/brands/{brand}")))
}

/// Returns the brand of a connector or a plugin of the hub: `stripe` for `stripe`, `tap-stripe` and
/// `hub:tap-stripe--airbyte`.
fn brand(name: &str) -> Option<&str> {
    let name = name.strip_prefix("hub:").unwrap_or(name);
    let name = name.strip_prefix("tap-").or_else(|| name.strip_prefix("target-")).unwrap_or(name);
    let name = name.split_once("--").map_or(name, |(plugin, _)| plugin);
    mark(name).map(|_| name)
}

fn mark(name: &str) -> Option<&'static [u8]> {
    BRANDS.get_file(format!("{name}.svg")).map(include_dir::File::contents)
}

pub async fn brand_mark(_who: Caller, extract::Path(name): extract::Path<String>) -> Result<Response, Refusal> {
    let bytes = mark(&name).ok_or_else(none)?;
    let kind = "image/svg+xml";
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "private, max-age=86400"), (CONTENT_SECURITY_POLICY, POLICY)];
    Ok((headers, bytes).into_response())
}

pub async fn logo(
    _who: Caller,
    State(app): State<App>,
    extract::Path((kind, name)): extract::Path<(String, String)>,
) -> Result<Response, Refusal> {
    let role = Role::WORDS.into_iter().find(|(word, _)| *word == kind).map(|(_, role)| role);
    let connector = change::connector(&app, &name, role.ok_or_else(none)?)?;
    let named = connector.head.logo.as_deref().ok_or_else(none)?;
    let (kind, bytes) = read(&app.setup().project, named).ok_or_else(none)?;
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "private, max-age=600"), (CONTENT_SECURITY_POLICY, POLICY)];
    Ok((headers, bytes).into_response())
}

fn none() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "spile::http::not_found", "no such logo")
}

/// Reads an image from the project.
fn read(project: &Project, named: &str) -> Option<(&'static str, Vec<u8>)> {
    let end = Path::new(named).extension()?.to_str()?.to_lowercase();
    let (_, kind) = KINDS.into_iter().find(|(known, _)| *known == end)?;
    Some((kind, project.door().and_then(|door| door.read_up_to(Path::new(named), LARGEST)).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use spile_world::files::door::replace;

    #[test]
    fn a_brand_is_found_by_the_names_of_its_plugins() {
        for name in ["stripe", "tap-stripe", "hub:tap-stripe", "hub:tap-stripe--airbyte"] {
            assert_eq!(path(Role::Extractor, name, None).as_deref(), Some("/brands/stripe"), "{name}");
        }
        assert_eq!(path(Role::Loader, "target-postgres", None).as_deref(), Some("/brands/postgres"));
        assert_eq!(path(Role::Loader, "postgres", Some("logos/own.svg")).as_deref(), Some("/logos/loader/postgres"));
        for name in ["no-such-thing", "../LICENSE", ""] {
            assert_eq!(path(Role::Extractor, name, Some("https://example.com/x.svg")), None, "{name}");
        }
    }

    #[test]
    fn marks_are_plain_drawings() {
        for file in BRANDS.files().filter(|file| file.path().extension().is_some_and(|end| end == "svg")) {
            let text = file.contents_utf8().unwrap();
            let is_plain = ["<script", "href", "<image", "<style", "url("].iter().all(|word| !text.contains(word));
            assert!(is_plain && text.starts_with("<svg ") && text.len() < 8192, "{}", file.path().display());
        }
    }

    #[test]
    fn only_images_of_the_project_are_served() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("project");
        std::fs::create_dir_all(root.join("logos")).unwrap();
        replace(&root.join("logos/a.svg"), b"<svg/>").unwrap();
        replace(&root.join("secret.toml"), b"a = 1").unwrap();
        replace(&folder.path().join("outside.png"), b"x").unwrap();
        std::os::unix::fs::symlink(folder.path().join("outside.png"), root.join("logos/link.png")).unwrap();
        replace(&root.join("logos/large.png"), &vec![0; 600 * 1024]).unwrap();
        let project = Project::at(root);
        assert_eq!(read(&project, "logos/a.svg"), Some(("image/svg+xml", b"<svg/>".to_vec())));
        for other in ["secret.toml", "../outside.png", "logos/link.png", "logos/large.png", "logos", "/etc/x.png", ""] {
            assert_eq!(read(&project, other), None, "{other}");
        }
    }
}

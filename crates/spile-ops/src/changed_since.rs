//! The integrations that have changed in git since a commit.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Error, Loaded};
use spile_core::name::Slug;
use spile_world::{Project, processes::git};

/// Returns the integrations whose own files, or whose connector's files, have changed since a commit. This includes
/// committed and uncommitted changes, and deletions.
///
/// # Errors
/// When git does not know the commit.
pub async fn since(project: &Project, loaded: &Loaded, commit: &str) -> Result<BTreeSet<Slug>, Error> {
    let paths = git::changed_since(project, commit, &["integrations", "connectors"]).await?;
    let stem = |path: &Path| Some(path.file_name()?.to_str()?.split('.').next()?.to_owned());
    let mut changed = BTreeSet::new();
    for path in &paths {
        let Some(stem) = stem(path) else { continue };
        if path.starts_with("integrations") {
            changed.extend(stem.parse::<Slug>());
        } else if path.starts_with("connectors") {
            let of_it = loaded.integrations.iter().filter(|one| one.connector.head.name == stem);
            changed.extend(of_it.map(|one| one.slug.clone()));
        }
    }
    Ok(changed)
}

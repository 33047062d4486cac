//! The address of a Supabase project, and the key that may be sent there.

use crate::{Authorities, NoWorld, Outside};
use spile_core::problem::Problems;
use spile_core::secret::Secret;
use spile_core::settings::{self, Home, RegistryMistake};
use spile_core::source::Placed;

/// The address of a project and its key. [`Address::agreed`] is the only way to create it, so that no key goes to a
/// host that only a file names.
#[derive(Debug, Clone)]
pub struct Address {
    /// `https://<project>.supabase.co`.
    pub(super) url: String,
    /// The path of the REST API below the URL.
    pub(super) rest_path: String,
    /// The schema and table of the registry.
    pub(super) home: Home,
    /// A secret key, or the legacy `service_role` key.
    pub(super) key: Secret,
    /// The certificate authorities to trust.
    pub(super) authorities: Authorities,
}

impl Address {
    /// Resolves the variables, and checks that the user has agreed to send the key to this host.
    ///
    /// # Errors
    /// When a variable may not be read, is not set or is not valid, or when the user has not agreed.
    pub fn agreed(written: &settings::Supabase, outside: &Outside) -> Result<Self, NoWorld> {
        let mut problems = Problems::default();
        let resolved = written.resolved(&outside.variables, &mut problems);
        let agreement = written.agreement().filter(|agreement| !outside.agreements.cover(agreement));
        match (resolved, agreement) {
            (Some(settings::Resolved { address, key }), None) => {
                let (rest_path, home) = (written.rest_path.clone(), written.home.clone());
                let authorities = outside.authorities.clone();
                Ok(Self { url: address.as_str().to_owned(), rest_path, home, key, authorities })
            }
            (Some(_), Some(value)) => {
                Err(NoWorld::NotAgreed(Box::new(Placed { value, place: written.url.place.clone() })))
            }
            (None, agreement) => {
                if let Some(agreement) = agreement {
                    let span = written.url.place.span.clone().into();
                    problems.push(&written.url.place.source, RegistryMistake::NotAgreed { agreement, span });
                }
                Err(NoWorld::Problems(problems.into_report()))
            }
        }
    }
}

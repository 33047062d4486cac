//! Where a project is, and the key that may go there.

use crate::{Authorities, NoWorld, Outside};
use spile_core::problem::Problems;
use spile_core::secret::Secret;
use spile_core::settings::{self, Home, RegistryMistake};
use spile_core::source::Placed;

/// Where a project is, and what opens it. [`Address::agreed`] is the one way to make it, so that no key goes to a host that
/// only a file names.
#[derive(Debug, Clone)]
pub struct Address {
    /// `https://<project>.supabase.co`
    pub(super) url: String,
    /// Where the REST API is below it.
    pub(super) rest_path: String,
    /// Where the tables are.
    pub(super) home: Home,
    /// A secret key, or the legacy `service_role` key.
    pub(super) key: Secret,
    /// Who vouches for it.
    pub(super) authorities: Authorities,
}

impl Address {
    /// Puts in what variables say, and makes sure that the user agreed to send the key there.
    ///
    /// # Errors
    /// When a variable may not be read, is not set or is not what it should be, or nobody has agreed.
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

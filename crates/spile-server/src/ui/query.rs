//! Queries of the addresses that pages link to.

use url::form_urlencoded::Serializer;

/// Returns a query with those parameters that have a value.
pub fn query<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let given = parameters.into_iter().filter(|(_, value)| !value.is_empty());
    Serializer::new(String::new()).extend_pairs(given).finish()
}

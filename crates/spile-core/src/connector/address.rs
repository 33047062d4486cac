//! Addresses of settings with `hosts`: `https`, and on one of these domains.

use crate::problem::listed;

/// Checks an address.
///
/// # Errors
/// Describes what is wrong with it.
pub fn check(text: &str, hosts: &[String]) -> Result<(), String> {
    let quoted = || format!("`{text}`");
    let host = text.strip_prefix("https://").ok_or_else(quoted)?;
    let host = host.strip_suffix('/').unwrap_or(host);
    let is_label = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && !label.starts_with('-')
    };
    if !host.split('.').all(is_label) {
        return Err(format!("`{text}`, which is not just `https://` and a host"));
    }
    let host = host.to_ascii_lowercase();
    let is_below = |domain: &String| host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'));
    if hosts.iter().any(is_below) {
        Ok(())
    } else {
        Err(format!("`{text}`, whose host does not end in {}", listed(hosts.iter().map(String::as_str))))
    }
}

/// Returns a description of the addresses that fit, and an example in TOML.
pub fn wanted(domain: &str) -> (String, String) {
    (format!("an `https` address under `{domain}`"), format!("\"https://example.{domain}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_of_one_of_the_domains() {
        let hosts = ["my.salesforce.com".to_owned(), "my.salesforce.mil".to_owned()];
        for good in [
            "https://acme.my.salesforce.com",
            "https://acme--dev.sandbox.my.salesforce.com/",
            "https://A.MY.SALESFORCE.MIL",
        ] {
            assert_eq!(check(good, &hosts), Ok(()), "{good}");
        }
        for bad in [
            "http://acme.my.salesforce.com",
            "acme.my.salesforce.com",
            "https://my.salesforce.com",
            "https://acme-my.salesforce.com",
            "https://evil.com/.my.salesforce.com",
            "https://evil.com#.my.salesforce.com",
            "https://me:hunter2@acme.my.salesforce.com",
            "https://acme.my.salesforce.com:8443",
            "https://acme.my.salesforce.com/lightning/page",
            "https://.my.salesforce.com",
            "https://acme.my.salesforce.com.evil.com",
            "",
        ] {
            assert!(check(bad, &hosts).is_err(), "{bad}");
        }
    }
}

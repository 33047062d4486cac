//! Addresses that secrets are sent to, and their hosts, which are compared with those that the user has agreed to.

use std::fmt;
use std::str::FromStr;

use url::{Host as UrlHost, Url};

/// A server, and how to reach it: a scheme, a host, and a port. The host is in lowercase, and the port is always set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host {
    scheme: String,
    name: String,
    port: u16,
}

impl fmt::Display for Host {
    /// Omits the default port.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.name)?;
        if usual_port(&self.scheme) == Some(self.port) { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl Host {
    /// Returns the host of an address.
    #[must_use]
    pub fn of(url: &Url) -> Self {
        let port = url.port_or_known_default().unwrap_or_default();
        Self { scheme: url.scheme().to_owned(), name: url.host_str().unwrap_or_default().to_owned(), port }
    }
}

fn usual_port(scheme: &str) -> Option<u16> {
    match scheme {
        "https" => Some(443),
        "http" => Some(80),
        "smtps" => Some(465),
        "smtp" => Some(587),
        _ => None,
    }
}

/// Tells whether an address belongs to this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(UrlHost::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(UrlHost::Ipv4(ip)) => ip.is_loopback(),
        Some(UrlHost::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// An address that a secret may be sent to: `https`, or `http` on this machine, without a user, a query or a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebAddress(Url);

/// Why a secret may not be sent to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAWebAddress {
    /// It is not a web address, or has a user, a query or a fragment.
    Form,
    /// It is not encrypted, and not on this machine.
    Insecure,
}

impl FromStr for WebAddress {
    type Err = NotAWebAddress;

    fn from_str(text: &str) -> Result<Self, NotAWebAddress> {
        let url = secure(text)?;
        if has_user(&url) || url.query().is_some() || url.fragment().is_some() {
            return Err(NotAWebAddress::Form);
        }
        Ok(Self(url))
    }
}

/// Parses an address of `https`, or of `http` on this machine.
///
/// # Errors
/// When it is not such an address.
pub fn secure(text: &str) -> Result<Url, NotAWebAddress> {
    let url = Url::parse(text).ok().filter(Url::has_host).ok_or(NotAWebAddress::Form)?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(NotAWebAddress::Insecure),
        _ => Err(NotAWebAddress::Form),
    }
}

impl WebAddress {
    /// Returns the address without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// Returns the host.
    #[must_use]
    pub fn host(&self) -> Host {
        Host::of(&self.0)
    }
}

/// A mail server: `smtps://user@host:port`, or `smtp://` with an upgrade to TLS.
#[derive(Clone, PartialEq, Eq)]
pub struct MailServer(Url);

impl fmt::Debug for MailServer {
    /// Hides the address, which may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailServer")
    }
}

/// A string that is not the address of a mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAMailServer;

impl FromStr for MailServer {
    type Err = NotAMailServer;

    fn from_str(text: &str) -> Result<Self, NotAMailServer> {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "smtp" | "smtps"));
        // The parser does not change the case of hosts with these schemes, although `Mail.example` and `mail.example`
        // are the same.
        let lower = |mut url: Url| {
            let name = url.host_str().filter(|name| !name.is_empty())?.to_ascii_lowercase();
            url.set_host(Some(&name)).ok()?;
            Some(Self(url))
        };
        url.and_then(lower).ok_or(NotAMailServer)
    }
}

impl MailServer {
    /// Returns the address, including the user.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Tells whether it is on this machine, where it needs no TLS.
    #[must_use]
    pub fn is_here(&self) -> bool {
        matches!(self.0.host_str().unwrap_or_default(), "localhost" | "127.0.0.1" | "[::1]")
    }

    /// Returns its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        let usual = if self.0.scheme() == "smtp" && self.is_here() { Some(25) } else { usual_port(self.0.scheme()) };
        self.0.port().or(usual).unwrap_or_default()
    }

    /// Returns the host.
    #[must_use]
    pub fn host(&self) -> Host {
        let name = self.0.host_str().unwrap_or_default().to_owned();
        Host { scheme: self.0.scheme().to_owned(), name, port: self.port() }
    }
}

/// A host that the user trusts: `x.supabase.co`, `x.example:8443`, or with a scheme, `https://x.supabase.co`. Without a
/// scheme, it matches every scheme; without a port, the default one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedHost {
    scheme: Option<String>,
    name: String,
    port: Option<u16>,
}

/// A string that is not a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use a host like `x.supabase.co`, or an address without a path like `https://x.supabase.co`")]
pub struct NotAHost;

impl FromStr for TrustedHost {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<Self, NotAHost> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if scheme.as_ref().is_some_and(|scheme| usual_port(scheme).is_none()) {
            return Err(NotAHost);
        }
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        // The parser omits a scheme's default port, so the address is parsed with two schemes, one of which keeps the
        // port.
        let [http, https] = ["http", "https"].map(|scheme| Url::parse(&format!("{scheme}://{rest}")));
        let (Ok(http), Ok(https)) = (http, https) else { return Err(NotAHost) };
        let is_host_alone = http.path() == "/" && http.query().is_none() && http.fragment().is_none();
        let is_host_alone = is_host_alone && !rest.contains(['@', '*']);
        let name = http.host_str().filter(|_| is_host_alone);
        let name = name.ok_or(NotAHost)?.to_owned();
        Ok(Self { scheme, name, port: http.port().or(https.port()) })
    }
}

impl fmt::Display for TrustedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = &self.scheme {
            write!(f, "{scheme}://")?;
        }
        f.write_str(&self.name)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl TrustedHost {
    /// Tells whether it matches a host.
    #[must_use]
    pub fn is(&self, host: &Host) -> bool {
        let is_scheme = self.scheme.as_ref().is_none_or(|scheme| *scheme == host.scheme);
        let port = self.port.or_else(|| usual_port(&host.scheme));
        is_scheme && self.name == host.name && port == Some(host.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web(text: &str) -> Result<String, NotAWebAddress> {
        text.parse::<WebAddress>().map(|address| address.host().to_string())
    }

    #[test]
    fn hosts_are_normalized_before_they_are_compared() {
        for same in ["https://x.supabase.co", "HTTPS://X.Supabase.CO:443/", "https://x.supabase.co/rest"] {
            assert_eq!(web(same).unwrap(), "https://x.supabase.co", "{same}");
        }
        assert_eq!(web("https://x.supabase.co:8443").unwrap(), "https://x.supabase.co:8443");
        assert_eq!(web("http://127.0.0.1:54321").unwrap(), "http://127.0.0.1:54321");
        assert_eq!(web("https://x.supabase.co\\@evil.example").unwrap(), "https://x.supabase.co");
        assert_eq!(web("https://ex\u{430}mple.com").unwrap(), "https://xn--exmple-4nf.com");
    }

    #[test]
    fn secrets_are_only_sent_encrypted_or_to_this_machine() {
        for here in ["http://localhost", "http://a.localhost:1", "http://127.0.0.2:1", "http://[::1]:1", "http://127.1"]
        {
            web(here).unwrap_or_else(|error| panic!("{here}: {error:?}"));
        }
        for away in
            ["http://x.supabase.co", "http://localhost.example.com", "http://127.0.0.1.example", "http://10.0.0.1"]
        {
            assert_eq!(web(away), Err(NotAWebAddress::Insecure), "{away}");
        }
        for none in [
            "",
            "x.supabase.co",
            "postgres://u:p@h",
            "https://",
            "https://u@h",
            "https://u:p@h",
            "https://:p@h",
            "https://h?x=1",
            "https://h#x",
            "file:///etc/passwd",
            "https://h h",
        ] {
            assert_eq!(web(none), Err(NotAWebAddress::Form), "{none}");
        }
    }

    #[test]
    fn a_mail_server_is_identified_by_scheme_host_and_port() {
        let host = |text: &str| text.parse::<MailServer>().map(|server| server.host().to_string());
        assert_eq!(host("smtps://me@Smtp.Example.com:465").unwrap(), "smtps://smtp.example.com");
        assert_eq!(host("smtp://smtp.example.com").unwrap(), "smtp://smtp.example.com");
        assert_eq!(host("smtp://127.0.0.1").unwrap(), "smtp://127.0.0.1:25");
        assert_eq!(host("https://smtp.example.com"), Err(NotAMailServer));
        assert_eq!(host("smtp:example"), Err(NotAMailServer));
    }

    #[test]
    fn a_trusted_host_matches_only_itself() {
        let is = |trusted: &str, host: &str| {
            trusted.parse::<TrustedHost>().unwrap().is(&host.parse::<WebAddress>().unwrap().host())
        };
        for (trusted, host) in [
            ("x.supabase.co", "https://x.supabase.co"),
            ("X.Supabase.co:443", "https://x.supabase.co"),
            ("https://x.supabase.co/", "https://x.supabase.co:443/rest"),
            ("127.0.0.1:54321", "http://127.0.0.1:54321"),
            ("http://localhost:80", "http://localhost"),
            ("[::1]:9", "http://[::1]:9"),
        ] {
            assert!(is(trusted, host), "{trusted} {host}");
        }
        for (trusted, host) in [
            ("x.supabase.co", "https://y.supabase.co"),
            ("supabase.co", "https://x.supabase.co"),
            ("x.supabase.co", "https://x.supabase.co:8443"),
            ("https://localhost:9", "http://localhost:9"),
            ("127.0.0.1:54321", "http://127.0.0.1:54322"),
        ] {
            assert!(!is(trusted, host), "{trusted} {host}");
        }
        for none in ["", "*", "https://", "ftp://h", "https://h/rest", "h?x", "u@h", "a b", "*.supabase.co"] {
            assert_eq!(none.parse::<TrustedHost>(), Err(NotAHost), "{none}");
        }
    }
}

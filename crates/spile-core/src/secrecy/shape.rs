//! The shapes of well-known secrets, which services give their tokens so that scanners find them. The table is data.
//!
//! Each shape follows its service's documentation, or the rules of gitleaks (<https://github.com/gitleaks/gitleaks>).

use std::sync::{LazyLock, OnceLock};

use aho_corasick::AhoCorasick;
use regex::Regex;

/// A shape of secrets.
pub(super) struct Shape {
    /// The name of such a secret, with an article.
    pub what: &'static str,
    /// Substrings of which every secret of this shape contains one. They are searched for before the pattern is
    /// compiled.
    marks: &'static [&'static str],
    pattern: &'static str,
    compiled: OnceLock<Regex>,
}

const fn shape(what: &'static str, marks: &'static [&'static str], pattern: &'static str) -> Shape {
    Shape { what, marks, pattern, compiled: OnceLock::new() }
}

/// All shapes.
pub(super) static SHAPES: [Shape; 41] = [
    shape("a private key", &["PRIVATE KEY"], r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----\s*[^\s.<*-][^-]*"),
    shape("an age secret key", &["AGE-SECRET-KEY-"], r"\bAGE-SECRET-KEY-(?:PQ-)?1[0-9A-Za-z]{10,}"),
    shape(
        "a GitHub token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
        r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,})",
    ),
    shape(
        "a GitLab token",
        &["glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glsoat-"],
        r"\bgl(?:pat|dt|rt|cbt|ptt|soat)-[\w-]{20,}",
    ),
    shape("a Slack token", &["xox", "xapp-"], r"\bxox[abceoprs]-[\w-]{10,}|\bxapp-\d-[\w-]{10,}"),
    shape(
        "a Slack webhook",
        &["https://hooks.slack"],
        r"https://hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[\w/-]{8,}",
    ),
    shape(
        "a Discord webhook",
        &["/webhooks/"],
        r"https://(?:\w+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d+/[\w-]{8,}",
    ),
    shape("a Teams webhook", &[".webhook.office.com/"], r"https://[\w.-]+\.webhook\.office\.com/\S{8,}"),
    shape("a Zapier webhook", &["hooks.zapier.com/"], r"https://hooks\.zapier\.com/hooks/catch/[\w/]{4,}"),
    shape(
        "a Google Chat webhook",
        &["chat.googleapis.com/"],
        r"https://chat\.googleapis\.com/v1/spaces/\S+[?&](?:key|token)=[\w%-]{8,}",
    ),
    shape("a Telegram bot token", &[":AA"], r"\b\d{8,10}:AA[\w-]{33}"),
    shape("a Stripe key", &["sk_", "rk_", "whsec_"], r"\b(?:sk|rk)_(?:live|test|prod)_\w{10,}|\bwhsec_[\w+/=]{16,}"),
    shape("a Google API key", &["AIza"], r"\bAIza[\w-]{35}"),
    shape(
        "a Google OAuth secret",
        &["GOCSPX-", "ya29.", "1//0"],
        r"\bGOCSPX-[\w-]{20,}|\bya29\.[\w-]{20,}|\b1//0[\w-]{20,}",
    ),
    shape("an AWS access key", &["AKIA", "ASIA"], r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    shape("an OpenAI or Anthropic key", &["sk-"], r"\bsk-(?:proj-|ant-|svcacct-)?[A-Za-z0-9_-]{20,}"),
    shape("a SendGrid key", &["SG."], r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
    shape("a Mailgun key", &["key-"], r"\bkey-[0-9a-f]{32}\b"),
    shape("a Mailchimp key", &["-us"], r"\b[0-9a-f]{32}-us\d{1,2}\b"),
    shape("a Shopify token", &["shpat_", "shpca_", "shppa_", "shpss_"], r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    shape("a HubSpot token", &["pat-"], r"\bpat-(?:na|eu|ap)\d-[0-9a-f]{8}-[0-9a-f-]{27}"),
    shape("a Square token", &["sq0", "EAAA"], r"\bsq0(?:atp|csp|idp)-[\w-]{22,}|\bEAAA[\w-]{60}"),
    shape("a Facebook token", &["EAA"], r"\bEAA[A-Za-z0-9]{60,}"),
    shape("a DigitalOcean token", &["_v1_"], r"\bdo[opr]_v1_[0-9a-f]{64}"),
    shape("a Databricks token", &["dapi"], r"\bdapi[0-9a-f]{32}"),
    shape("a Dropbox token", &["sl."], r"\bsl\.[\w-]{100,}"),
    shape("a Linear key", &["lin_"], r"\blin_(?:api|oauth)_\w{30,}"),
    shape("a Notion token", &["secret_", "ntn_"], r"\b(?:secret_[A-Za-z0-9]{43}|ntn_[A-Za-z0-9]{40,})"),
    shape("an Airtable token", &["pat"], r"\bpat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    shape("a Supabase key", &["sb_secret_", "sbp_"], r"\bsb_secret_[\w-]{16,}|\bsbp_(?:v0_)?[0-9a-f]{40}"),
    shape("an npm token", &["npm_"], r"\bnpm_[A-Za-z0-9]{36}"),
    shape("a PyPI token", &["pypi-AgE"], r"\bpypi-AgE[\w-]{50,}"),
    shape("a Vault token", &["hvs.", "hvb."], r"\bhv[sb]\.[\w-]{24,}"),
    shape("a Doppler token", &["dp."], r"\bdp\.(?:ct|pt|st|scim|audit)\.\w{40,}"),
    shape("a Postman key", &["PMAK-"], r"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    shape("a New Relic key", &["NRAK-"], r"\bNRAK-[A-Z0-9]{27}"),
    shape("a Sentry token", &["sntry"], r"\bsntry[su]_[\w+/=-]{40,}"),
    shape("a Grafana token", &["glsa_", "glc_"], r"\bgl(?:sa|c)_[\w+/=]{32,}"),
    shape(
        "a Pulumi or Terraform token",
        &["pul-", ".atlasv1."],
        r"\bpul-[0-9a-f]{40}|\b[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}",
    ),
    shape("a JSON web token", &["eyJ"], r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"),
    shape(
        "the value of an `Authorization` header",
        &["Bearer ", "Basic ", "Token "],
        r"^(?:Bearer|Basic|Token) [\w.~+/=-]{8,}$",
    ),
];

/// All marks at once. Most texts contain none, so that one search is enough.
static MARKED: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(SHAPES.iter().flat_map(|shape| shape.marks)).ok());

/// Tells whether a text may contain a secret of any shape.
pub(super) fn is_marked(text: &str) -> bool {
    MARKED.as_ref().is_none_or(|marks| marks.is_match(text))
}

impl Shape {
    /// Returns the pattern if a text may contain a secret of this shape.
    pub(super) fn of(&self, text: &str) -> Option<&Regex> {
        let is_marked = self.marks.iter().any(|mark| text.contains(mark));
        is_marked.then(|| self.compiled.get_or_init(|| super::pattern(self.pattern)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles_and_names_what_it_finds() {
        for shape in &SHAPES {
            let found = shape.of(shape.marks[0]).unwrap();
            assert!(!found.is_match("") && !shape.what.is_empty(), "{}", shape.what);
            assert!(is_marked(&format!("a {} b", shape.marks[0])) && !is_marked("2024-01-01T00:00:00Z"));
        }
    }
}

//! The check whether a hosted registry can use an existing table, as text for people.

use super::{BAD, CHANGED, GOOD, STRONG, styled};
use spile_ops::migrate::fit::{Finding, Fit, TableFinding};

/// Returns what has to change, what spile changes and adds, and what fits, most important first.
#[must_use]
pub fn text(fit: &Fit) -> String {
    let parts = [
        (TableFinding::Conflict, BAD, "must change"),
        (TableFinding::Changed, CHANGED, "is changed"),
        (TableFinding::Added, GOOD, "is added"),
        (TableFinding::Fits, GOOD, "fits"),
    ];
    let part = |(state, style, title): (TableFinding, _, _)| {
        let lines: String = fit.findings.iter().filter(|finding| finding.state == state).map(line).collect();
        if lines.is_empty() { lines } else { format!("{}\n{lines}\n", styled(style, title)) }
    };
    parts.map(part).concat() + &end(fit)
}

fn line(finding: &Finding) -> String {
    let fix = finding.fix.as_ref().map(|fix| format!("      {fix}\n")).unwrap_or_default();
    format!("  {}\n{fix}", finding.what)
}

fn end(fit: &Fit) -> String {
    let table = styled(STRONG, &fit.table);
    if fit.fits {
        return format!("{table} can be used: the next step is `spile migrate`\n");
    }
    format!(
        "{table} cannot be used as it is: make the changes listed first, or use another table name with `table` under `[registry]` in `spile.toml`\n"
    )
}

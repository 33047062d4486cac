//! Checks that Meltano can merge what belongs to one setting: the base file, an overlay and the definition.
//!
//! Meltano flattens tables into leaves, replaces those that an environment has too, and nests what is left. So a leaf of
//! the base file cannot become a table, or a table a leaf, and Meltano either fails or passes on both. It also reads a
//! string of an environment as the kind that the base file has at that place: `"x"` over `true` becomes `false`.

use super::shape::Shape;
use super::{Draft, IntegrationMistake};
use crate::connector::{Connector, Kind};
use crate::problem::Problems;
use crate::table::Node;
use crate::toml_text;

/// An overlay and its base file.
pub(super) struct Overlaid<'a> {
    /// The base file.
    pub base: &'a Draft,
    /// The base file with the overlay applied.
    pub draft: &'a Draft,
}

impl Overlaid<'_> {
    /// Reports what the overlay changes in a way that Meltano cannot merge.
    pub(super) fn check(&self, connector: &Connector, problems: &mut Problems) {
        for (name, over) in &self.draft.config {
            let Some(base) = self.base.config.get(name) else { continue };
            self.setting(connector, name, [base, over], problems);
        }
        let patterns = self.draft.metadata.iter().flat_map(|metadata| &metadata.value);
        for (pattern, over) in patterns {
            let base = self.base.metadata.as_ref().and_then(|metadata| metadata.value.get(pattern));
            if let Some(base) = base {
                self.members(&format!("metadata.{}", toml_text::key(pattern)), [base, over], problems);
            }
        }
    }

    /// Compares a setting. If the connector has no setting with that name, the members may be settings.
    fn setting(&self, connector: &Connector, name: &str, [base, over]: [&Node; 2], problems: &mut Problems) {
        let both = [Shape::of(base), Shape::of(over)];
        match (connector.setting(name), both) {
            (Some(setting), _) if setting.kind != Kind::Object => {}
            (Some(_), [Shape::Table(_), Shape::Table(_)]) => self.members(name, [base, over], problems),
            (
                Some(_),
                [base @ Shape::Table(_), over_shape @ Shape::Reference]
                | [base @ Shape::Reference, over_shape @ Shape::Table(_)],
            ) => {
                self.push(name, over, [base.words(), over_shape.words()], problems);
            }
            (None, [Shape::Table(before), Shape::Table(after)]) => {
                for (key, over) in after {
                    let Some(base) = before.get(key) else { continue };
                    self.setting(connector, &format!("{name}.{key}"), [base, over], problems);
                }
            }
            // Other values do not fit the setting, or there is no such setting, which is reported anyway.
            (Some(_) | None, _) => {}
        }
    }

    /// Compares what is in a table.
    fn members(&self, path: &str, [base, over]: [&Node; 2], problems: &mut Problems) {
        match [Shape::of(base), Shape::of(over)] {
            [Shape::Table(before), Shape::Table(after)] => {
                for (key, over) in after {
                    let Some(base) = before.get(key) else { continue };
                    self.members(&format!("{path}.{}", toml_text::key(key)), [base, over], problems);
                }
            }
            [Shape::EmptyTable, Shape::Table(_)] | [_, Shape::EmptyTable] => {}
            [base, over_shape] => {
                let is_nested = matches!(base, Shape::Table(_)) || matches!(over_shape, Shape::Table(_));
                if is_nested || base.refuses(&over_shape) {
                    self.push(path, over, [base.words(), over_shape.words()], problems);
                }
            }
        }
    }

    fn push(&self, name: &str, over: &Node, [before, found]: [&'static str; 2], problems: &mut Problems) {
        let (name, base) = (name.to_owned(), self.base.source.path().display().to_string());
        let span = over.key.span.clone().into();
        problems.push(&over.key.source, IntegrationMistake::OverlayKind { name, found, before, base, span });
    }
}

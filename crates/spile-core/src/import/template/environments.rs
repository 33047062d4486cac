//! The environments in the template: their plugin settings become calls for overlays.

use std::fmt::Write;

use super::{Surgery, is_alias, name_of, quoted};
use crate::connector::Role;
use crate::import::PluginKey;
use crate::import::inventory::{Environment, Inventory, ROLES, is_all_managed, is_plain, managed};
use crate::name::EnvironmentName;
use crate::yaml::edit::{column, line_end};
use crate::yaml::{Node, Pair};

impl Surgery<'_> {
    pub(super) fn environments(&mut self, found: &Inventory<'_>) {
        let names: Vec<String> = found.environments.iter().map(|environment| quoted(&environment.name)).collect();
        let names = names.join(", ");
        let list = self.root.pair("environments");
        if list.is_some_and(is_alias) {
            return;
        }
        let Some(pair) = list.filter(|pair| !pair.value.items().is_empty()) else {
            if let Some(pair) = list {
                self.remove_pair(self.root, pair);
            }
            // Runs need an environment. The file itself gets one only if there is content for it.
            let empty = if list.is_some() { "\n{%- else %}\nenvironments: []" } else { "" };
            let _ = write!(
                self.tail,
                "\n{{%- if run or environments|length > 1 %}}\nenvironments:\n{{{{- spile.environments(overlays, 0) }}}}{empty}\n{{%- endif %}}",
            );
            return;
        };
        let is_ours = |environment: &&Environment<'_>| environment.name.parse::<EnvironmentName>().is_ok();
        for environment in found.environments.iter().filter(is_ours) {
            if is_plain(environment.item) && !environment.is_shadowed {
                self.environment(environment);
            }
        }
        if let Some(item) = pair.value.items().last() {
            let (end, width) = (line_end(self.text, item.span.end), self.dash(item));
            let call = format!("{{{{- spile.environments(overlays, {width}, [{names}]) }}}}");
            // If spile supports none of their names, the environment that it uses instead is only for its own runs.
            let call = match found.environments.iter().find(is_ours) {
                Some(_) => format!("\n{call}"),
                None => format!("\n{{%- if run or environments|length > 1 %}}\n{call}\n{{%- endif %}}"),
            };
            self.edits.insert(end, call);
        }
    }

    /// Removes what became files from an environment, including lists and tables that would be empty.
    fn environment(&mut self, environment: &Environment<'_>) {
        let name = quoted(&environment.name);
        let width = self.column(environment.item);
        let config = environment.item.pair("config");
        let plugins = config.and_then(|config| config.value.pair("plugins"));
        if config.is_some_and(is_alias) || plugins.is_some_and(is_alias) {
            return;
        }
        let stays = |role: Role| environment.items(role).any(|item| !self.goes(role, item));
        let other_lists = plugins.is_some_and(|plugins| {
            plugins.value.pairs().iter().any(|pair| ROLES.iter().all(|role| pair.key.text() != Some(role.plural())))
        });
        let lists: Vec<Role> = ROLES.into_iter().filter(|role| stays(*role)).collect();
        let more = config.is_some_and(|config| config.value.pairs().len() > usize::from(plugins.is_some()));
        for role in ROLES {
            for item in environment.items(role) {
                if self.goes(role, item) {
                    // Everything around the last item is removed with it.
                    let span = config.map_or(item.span.clone(), Pair::span);
                    self.owners.push((span, PluginKey { role, name: name_of(item) }));
                }
            }
        }
        match (config, plugins) {
            (_, Some(plugins)) if !lists.is_empty() || other_lists => {
                let inner = column(self.text, plugins.value.span.start);
                for role in ROLES {
                    self.overlays(environment, &name, plugins, role, inner);
                }
            }
            (Some(config), plugins) if more => {
                if let Some(plugins) = plugins {
                    self.remove_pair(&config.value, plugins);
                }
                let inner = column(self.text, config.value.span.start);
                let end = self.line_of_key(config);
                self.edits.insert(end, format!("\n{{{{- spile.overlay_plugins(overlays, {name}, {inner}) }}}}"));
            }
            (config, _) => {
                if let Some(config) = config {
                    self.remove_pair(environment.item, config);
                }
                if let Some(pair) = environment.item.pair("name") {
                    let end = line_end(self.text, pair.value.span.end);
                    self.edits.insert(end, format!("\n{{{{- spile.overlay_config(overlays, {name}, {width}) }}}}"));
                }
            }
        }
    }

    /// Removes items from one list of an environment, and inserts the call for them.
    fn overlays(&mut self, environment: &Environment<'_>, name: &str, plugins: &Pair, role: Role, width: usize) {
        let at = format!("[{name}, \"{}\"]", role.plural());
        let pair = plugins.value.pair(role.plural());
        if pair.is_some_and(is_alias) {
            return;
        }
        if environment.items(role).all(|item| self.goes(role, item)) {
            if let Some(pair) = pair {
                self.remove_pair(&plugins.value, pair);
            }
            let end = self.line_of_key(plugins);
            self.edits.insert(end, format!("\n{{{{- spile.overlay_list(overlays, {at}, {width}) }}}}"));
            return;
        }
        let Some(pair) = pair else { return };
        let mut own = Vec::new();
        let mut before = self.line_of_key(pair);
        let mut dash = 0;
        for item in pair.value.items() {
            dash = self.dash(item);
            let end = line_end(self.text, item.span.end);
            let key = PluginKey { role, name: name_of(item) };
            if self.goes(role, item) {
                let start = line_end(self.text, before);
                self.edits.remove(start..end);
            } else if let Some(one) = self.adopted.get(&key).copied() {
                let quoted = quoted(&key.name);
                self.edits.insert(before, format!("\n{{%- if imported.{}[{quoted}] is defined %}}", role.plural()));
                let width = self.column(item);
                if let Some(pair) = item.pair("name") {
                    let at = format!("[{name}, \"{}\", {quoted}]", role.plural());
                    let call = format!("\n{{{{- spile.overlay(overlays, {at}, {width}) }}}}");
                    self.edits.insert(line_end(self.text, pair.value.span.end), call);
                }
                for pair in managed(item) {
                    self.owners.push((pair.span(), one.key.clone()));
                    self.remove_pair(item, pair);
                }
                self.edits.insert(end, "\n{%- endif %}");
                own.push(quoted);
            }
            before = end;
        }
        let own = own.join(", ");
        let without = if own.is_empty() { String::new() } else { format!(", [{own}]") };
        self.edits.insert(before, format!("\n{{{{- spile.overlay_items(overlays, {at}, {dash}{without}) }}}}"));
    }

    /// Tells whether an item of an environment's list becomes a file as a whole.
    fn goes(&self, role: Role, item: &Node) -> bool {
        self.adopted.contains_key(&PluginKey { role, name: name_of(item) }) && is_all_managed(item)
    }
}

//! A form of a page, as a browser without scripts reads and sends it.

/// The fields of a form, in order.
#[derive(Debug, Clone)]
pub struct Form(pub Vec<(String, String)>);

impl Form {
    /// Reads the form with an action.
    pub fn of(page: &str, action: &str) -> Self {
        let tag = |action: &str| page.find(&format!("<form method=\"post\" action=\"{action}\""));
        let start = tag(action).or_else(|| tag(&action.replace('/', "&#x2f;"))).unwrap_or_else(|| panic!("{page}"));
        let form = &page[start..];
        let form = &form[..form.find("</form>").unwrap()];
        let mut fields = Vec::new();
        for (at, _) in form.match_indices('<') {
            let Some(end) = end_of(&form[at..]) else { continue };
            let (tag, inner) = (&form[at + 1..at + end], &form[at + end + 1..]);
            let name = attribute(tag, "name");
            match (tag.split_whitespace().next().unwrap_or_default(), name) {
                ("input", Some(name)) => fields.extend(input(tag).map(|value| (name, value))),
                ("textarea", Some(name)) => {
                    let text = decoded(&inner[..inner.find("</textarea>").unwrap()]);
                    // HTML ignores the first line break.
                    fields.push((name, sent(text.strip_prefix('\n').unwrap_or(&text))));
                }
                ("select", Some(name)) => {
                    fields.push((name, sent(&choice(&inner[..inner.find("</select>").unwrap()]))));
                }
                _ => {}
            }
        }
        Self(fields)
    }

    /// Returns the value of a field; the last one if there are several.
    pub fn get(&self, name: &str) -> &str {
        &self.0.iter().rev().find(|(known, _)| known == name).unwrap_or_else(|| panic!("{name} in {:?}", self.0)).1
    }

    /// Changes the text of a field.
    pub fn with(&self, name: &str, text: &str) -> Self {
        let mut form = self.clone();
        self.get(name);
        form.0.retain(|(known, _)| known != name);
        form.0.push((name.to_owned(), sent(text)));
        form
    }

    pub fn pairs(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
    }
}

/// Browsers send every line break as CR LF.
fn sent(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n")
}

fn input(tag: &str) -> Option<String> {
    let value = attribute(tag, "value").unwrap_or_default();
    match attribute(tag, "type").as_deref().unwrap_or("text") {
        "hidden" => Some(sent(&value)),
        "checkbox" | "radio" => tag.split_whitespace().any(|word| word == "checked").then_some(value),
        "email" => Some(value.replace(['\r', '\n'], "").trim().to_owned()),
        _ => Some(value.replace(['\r', '\n'], "")),
    }
}

/// Returns the selected option, or the first one.
fn choice(inner: &str) -> String {
    let options = || inner.split("<option").skip(1).map(|rest| &rest[..end_of(rest).unwrap()]);
    let selected = options().find(|tag| tag.ends_with(" selected")).or_else(|| options().next());
    selected.and_then(|tag| attribute(tag, "value")).unwrap_or_default()
}

fn end_of(tag: &str) -> Option<usize> {
    let mut is_quoted = false;
    tag.char_indices().find_map(|(at, c)| {
        is_quoted ^= c == '"';
        (c == '>' && !is_quoted).then_some(at)
    })
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    Some(decoded(rest.split_once('"')?.0))
}

fn decoded(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{fffd}");
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&#x27;", "'").replace("&#x2f;", "/").replace("&amp;", "&")
}

//! Header edits, rendered once when the configuration is built where they hold no placeholder.

use super::Template;
use crate::field::{self, Kind};
use crate::pipeline::Call;
use crate::spec::HeaderEdit;
use http::{HeaderName, HeaderValue};

/// Edits of one head: names that are dropped, and lines that are added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edits {
    dropped: Vec<Box<[u8]>>,
    /// Kinds with a decision of ours that are among the dropped names.
    dropped_kinds: u32,
    /// Added lines as HTTP/1 text, each with its line end.
    pub(crate) lines: Vec<u8>,
    /// The same lines for HTTP/2.
    pub(crate) fields: Vec<(HeaderName, HeaderValue)>,
    /// Added where the head has no header of that name.
    pub(crate) defaults: Vec<(HeaderName, HeaderValue)>,
    /// Added lines with placeholders.
    pub(crate) dynamic: Vec<(HeaderName, Template)>,
    /// A value for `Host`, which is written by us.
    pub(crate) host: Option<Vec<u8>>,
}

/// A header that may be edited.
///
/// # Errors
/// A sentence that says why it cannot.
pub(crate) fn editable(name: &str) -> Result<HeaderName, String> {
    let header = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("'{name}' is not a header name; write letters, digits and hyphens"))?;
    match field::kind(header.as_str().as_bytes()) {
        Kind::Connection
        | Kind::ContentLength
        | Kind::TransferEncoding
        | Kind::Upgrade
        | Kind::Hop
        | Kind::Te
        | Kind::Host
        | Kind::Expect => {
            Err(format!("the header {name} frames or routes messages and cannot be edited this way"))
        }
        _ => Ok(header),
    }
}

impl Edits {
    /// Renders edits in order.
    ///
    /// # Errors
    /// The edit's place in the list, and a sentence that says what is wrong with it.
    pub(crate) fn build(edits: &[HeaderEdit], of_request: bool) -> Result<Self, (usize, String)> {
        let mut built = Self::default();
        for (at, edit) in edits.iter().enumerate() {
            built.add(edit, of_request).map_err(|message| (at, message))?;
        }
        for (name, value) in &built.fields {
            field::put(&mut built.lines, name.as_str().as_bytes(), value.as_bytes());
        }
        Ok(built)
    }

    fn add(&mut self, edit: &HeaderEdit, of_request: bool) -> Result<(), String> {
        if let HeaderEdit::Set { name, value } = edit
            && of_request
            && name.eq_ignore_ascii_case("host")
        {
            let host = Template::parse(value, None)?;
            let host = host.constant().and_then(|host| HeaderValue::from_bytes(host).ok());
            let host = host.filter(|host| !host.is_empty());
            self.host =
                Some(host.ok_or("the value of Host is one name, without placeholders")?.as_bytes().to_vec());
            return Ok(());
        }
        let (HeaderEdit::Set { name, .. } | HeaderEdit::Add { name, .. } | HeaderEdit::Remove { name }) =
            edit;
        let header = editable(name)?;
        if let HeaderEdit::Set { .. } | HeaderEdit::Remove { .. } = edit {
            self.drop_name(&header);
        }
        if let HeaderEdit::Set { value, .. } | HeaderEdit::Add { value, .. } = edit {
            HeaderValue::from_str(value)
                .map_err(|_| format!("the value of {name} holds a line break or a control character"))?;
            let template =
                Template::parse(value, None).map_err(|message| format!("the value of {name}: {message}"))?;
            if of_request && template.names_upstream() {
                return Err(format!("the value of {name}: {}", super::rules::UPSTREAM_TOO_EARLY));
            }
            match template.constant().map(HeaderValue::from_bytes) {
                Some(Ok(value)) => self.fields.push((header, value)),
                _ => self.dynamic.push((header, template)),
            }
        }
        Ok(())
    }

    fn drop_name(&mut self, name: &HeaderName) {
        self.fields.retain(|(other, _)| other != name);
        self.dynamic.retain(|(other, _)| other != name);
        self.drop_only(name);
    }

    /// Drops what the head has under this name, and nothing that is added.
    pub(crate) fn drop_only(&mut self, name: &HeaderName) {
        let text = name.as_str().as_bytes();
        self.dropped_kinds |= field::kind(text).bit();
        self.dropped.push(text.into());
    }

    /// Adds a line behind the others.
    pub(crate) fn push(&mut self, name: HeaderName, value: HeaderValue) {
        field::put(&mut self.lines, name.as_str().as_bytes(), value.as_bytes());
        self.fields.push((name, value));
    }

    /// Replaces a header, unless an edit does so already.
    pub(crate) fn set(&mut self, name: HeaderName, value: HeaderValue) {
        if !self.drops(name.as_str().as_bytes()) {
            self.drop_only(&name);
            self.push(name, value);
        }
    }

    /// The same with placeholders.
    pub(crate) fn set_template(&mut self, name: HeaderName, value: Template) {
        if !self.drops(name.as_str().as_bytes()) {
            self.drop_only(&name);
            self.dynamic.push((name, value));
        }
    }

    /// Adds a header where the head has none of that name, unless an edit decides about it.
    pub(crate) fn set_default(&mut self, name: HeaderName, value: HeaderValue) {
        let added =
            self.fields.iter().map(|(other, _)| other).chain(self.dynamic.iter().map(|(other, _)| other));
        if !self.drops(name.as_str().as_bytes()) && added.clone().all(|other| *other != name) {
            self.defaults.push((name, value));
        }
    }

    /// The same edits with their placeholders filled in.
    pub(crate) fn filled(&self, call: &Call<'_>) -> Self {
        let mut filled = Self { dynamic: Vec::new(), ..self.clone() };
        for (name, template) in &self.dynamic {
            let mut value = Vec::new();
            template.render(call, None, &mut value);
            // What a request holds may be no value of a header; the readers of heads let nothing such through.
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                filled.push(name.clone(), value);
            }
        }
        filled
    }

    /// Whether headers of this name are dropped.
    pub(crate) fn drops(&self, name: &[u8]) -> bool {
        self.dropped.iter().any(|dropped| dropped.eq_ignore_ascii_case(name))
    }

    /// Whether an edit takes the place of a header that we would write.
    pub(crate) fn replaces(&self, kind: Kind) -> bool {
        self.dropped_kinds & kind.bit() != 0
    }

    /// Marks a header that we would write as written by others.
    pub(crate) fn replace(&mut self, kind: Kind) {
        self.dropped_kinds |= kind.bit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(action: &str, name: &str, value: &str) -> HeaderEdit {
        let (name, value) = (name.to_owned(), value.to_owned());
        match action {
            "set" => HeaderEdit::Set { name, value },
            "add" => HeaderEdit::Add { name, value },
            _ => HeaderEdit::Remove { name },
        }
    }

    #[test]
    fn edits_are_applied_in_order() {
        let edits = [
            edit("add", "A", "1"),
            edit("set", "a", "2"),
            edit("add", "A", "3"),
            edit("remove", "Server", ""),
        ];
        let built = Edits::build(&edits, true).unwrap();
        assert_eq!(String::from_utf8(built.lines.clone()).unwrap(), "a: 2\r\na: 3\r\n");
        assert!(built.drops(b"A") && built.drops(b"server") && !built.drops(b"B"));
    }

    #[test]
    fn edits_that_would_break_messages_are_refused_with_a_sentence() {
        for (edit, part) in [
            (edit("set", "Content-Length", "5"), "frames or routes"),
            (edit("set", "Transfer-Encoding", "x"), "frames or routes"),
            (edit("remove", "Host", ""), "frames or routes"),
            (edit("set", "a b", "x"), "not a header name"),
            (edit("set", "", "x"), "not a header name"),
            (edit("set", "A", "x\r\nB: y"), "line break"),
            (edit("set", "A", "{nobody}"), "no placeholder"),
            (edit("set", "A", "{upstream}"), "only once the origin was asked"),
            (edit("set", "Host", "{host}"), "without placeholders"),
            (edit("set", "Host", ""), "one name"),
        ] {
            let message = Edits::build(&[edit], true).unwrap_err().1;
            assert!(message.contains(part), "{message}");
        }
        assert_eq!(
            Edits::build(&[edit("set", "Host", "x.y")], true).unwrap().host.as_deref(),
            Some(b"x.y".as_slice())
        );
    }
}

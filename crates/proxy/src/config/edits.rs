//! Header edits, rendered once when the configuration is built.

use crate::field::{self, Kind};
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
    /// A value for `Host`, which is written by us.
    pub(crate) host: Option<Vec<u8>>,
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
        let (HeaderEdit::Set { name, .. } | HeaderEdit::Add { name, .. } | HeaderEdit::Remove { name }) =
            edit;
        let header = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("'{name}' is not a header name; write letters, digits and hyphens"))?;
        let kind = field::kind(header.as_str().as_bytes());
        let is_ours = matches!(
            kind,
            Kind::Connection
                | Kind::ContentLength
                | Kind::TransferEncoding
                | Kind::Upgrade
                | Kind::Hop
                | Kind::Te
                | Kind::Expect
        );
        let is_host_without_value = kind == Kind::Host && !matches!(edit, HeaderEdit::Set { .. });
        if is_ours || is_host_without_value || (kind == Kind::Host && !of_request) {
            return Err(format!("the header {name} frames or routes messages and cannot be edited this way"));
        }
        if let HeaderEdit::Set { .. } | HeaderEdit::Remove { .. } = edit {
            self.drop_name(&header, kind);
        }
        if let HeaderEdit::Set { value, .. } | HeaderEdit::Add { value, .. } = edit {
            let value = HeaderValue::from_str(value)
                .map_err(|_| format!("the value of {name} holds a line break or a control character"))?;
            if kind == Kind::Host {
                self.host = Some(value.as_bytes().to_vec());
            } else {
                self.fields.push((header, value));
            }
        }
        Ok(())
    }

    fn drop_name(&mut self, name: &HeaderName, kind: Kind) {
        self.fields.retain(|(other, _)| other != name);
        self.dropped_kinds |= kind.bit();
        self.dropped.push(name.as_str().as_bytes().into());
    }

    /// Replaces a header of answers, before all else that is added.
    pub(crate) fn set(&mut self, name: HeaderName, value: HeaderValue) {
        if self.drops(name.as_str().as_bytes()) {
            return;
        }
        self.drop_name(&name, Kind::Other);
        field::put(&mut self.lines, name.as_str().as_bytes(), value.as_bytes());
        self.fields.push((name, value));
    }

    /// Whether headers of this name are dropped.
    pub(crate) fn drops(&self, name: &[u8]) -> bool {
        self.dropped.iter().any(|dropped| dropped.eq_ignore_ascii_case(name))
    }

    /// Whether an edit takes the place of a header that we would write.
    pub(crate) fn replaces(&self, kind: Kind) -> bool {
        self.dropped_kinds & kind.bit() != 0
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

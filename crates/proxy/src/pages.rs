//! Pages of one's own: HTML with placeholders of its own, filled in escaped.

use crate::spec::MAX_PAGE;
use base::StatusSet;

/// An HTML page.
#[derive(Debug)]
pub(crate) struct Page(Vec<Part>);

#[derive(Debug)]
enum Part {
    Html(String),
    Fact(usize),
}

/// What a page can show, in the order of [`Page::render`].
const FACTS: [&str; 5] = ["{status}", "{title}", "{reason}", "{request_id}", "{host}"];

impl Page {
    /// Reads a page. Braces that are none of the placeholders stay, since styles and scripts are full of them.
    ///
    /// # Errors
    /// When it is empty or too large.
    pub(crate) fn parse(html: &str) -> Result<Self, String> {
        if html.trim().is_empty() {
            return Err("the page is empty; write its HTML, or leave it out for the usual page".to_owned());
        }
        if html.len() > MAX_PAGE {
            return Err(format!("the page has {} bytes; at most {MAX_PAGE} are possible", html.len()));
        }
        let mut parts = Vec::new();
        let mut rest = html;
        let next = |text: &str| {
            let found = FACTS.iter().enumerate().filter_map(|(fact, name)| Some((text.find(name)?, fact)));
            found.min()
        };
        while let Some((at, fact)) = next(rest) {
            parts.push(Part::Html(rest[..at].to_owned()));
            parts.push(Part::Fact(fact));
            rest = &rest[at + FACTS[fact].len()..];
        }
        parts.push(Part::Html(rest.to_owned()));
        Ok(Self(parts))
    }

    /// The page with its facts: status, title, reason, request id and host.
    pub(crate) fn render(&self, facts: [&str; FACTS.len()]) -> String {
        let mut page = String::with_capacity(4096);
        for part in &self.0 {
            match part {
                Part::Html(html) => page.push_str(html),
                Part::Fact(fact) => escape(facts[*fact], &mut page),
            }
        }
        page
    }
}

/// Pages by status.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    /// The first one that has the status is shown.
    pub(crate) all: Vec<(StatusSet, Page)>,
    pub(crate) replace_origin: bool,
}

impl Pages {
    pub(crate) fn find(&self, status: u16) -> Option<&Page> {
        self.all.iter().find(|(statuses, _)| statuses.contains(status)).map(|(_, page)| page)
    }
}

/// Appends text so that HTML takes it for nothing else, also within quotes.
pub(crate) fn escape(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_filled_in_escaped_and_other_braces_stay() {
        let page =
            Page::parse("<style>p{color:red}</style>{status} {title}: {reason} {x} {host}{host}").unwrap();
        let shown = page.render(["502", "Bad Gateway", "a<b> \"c\"", "id", "{status}'"]);
        assert_eq!(
            shown,
            "<style>p{color:red}</style>502 Bad Gateway: a&lt;b&gt; &quot;c&quot; {x} {status}&#39;{status}&#39;"
        );
        assert!(Page::parse(" ").is_err() && Page::parse(&"x".repeat(MAX_PAGE + 1)).is_err());
    }
}

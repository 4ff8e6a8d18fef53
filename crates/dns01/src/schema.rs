//! What a provider wants to know: the fields of its form, the reading of what was typed, and the page of the manual.

use crate::{Provider, providers::KINDS};
use base::{Clock, Secret};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

/// How a field is typed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldKind {
    /// One line of text.
    Text,
    /// A line or more that is never shown again.
    Secret,
    /// An address that begins with `https://` or `http://`.
    Url,
    /// One of these.
    Choice(&'static [&'static str]),
    /// A whole number within these limits.
    Number(u32, u32),
}

/// One field of a form.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name in settings.
    pub name: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// How it is typed.
    pub kind: FieldKind,
    /// What holds when it is left empty; `None`: it must be given; an empty text: nothing.
    pub default: Option<&'static str>,
    /// Where to get it.
    pub help: &'static str,
}

/// The most characters of a field.
const LONGEST: usize = 8192;

impl Field {
    pub(crate) const fn required(
        name: &'static str,
        label: &'static str,
        kind: FieldKind,
        help: &'static str,
    ) -> Self {
        Self { name, label, kind, default: None, help }
    }

    pub(crate) const fn optional(
        name: &'static str,
        label: &'static str,
        kind: FieldKind,
        default: &'static str,
        help: &'static str,
    ) -> Self {
        Self { name, label, kind, default: Some(default), help }
    }

    /// Whether it says where secrets are sent.
    pub fn leads_there(&self) -> bool {
        self.kind == FieldKind::Url || matches!(self.name, "server" | "program")
    }

    pub(crate) const fn endpoint(default: &'static str) -> Self {
        Self::optional(
            "endpoint",
            "API address",
            FieldKind::Url,
            default,
            "Only to change for a stand-in or a gateway.",
        )
    }
}

type Build = fn(&Settings, &Means) -> Result<Box<dyn Provider>, FieldError>;

/// A kind of provider.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its name in settings.
    pub name: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// Its form.
    pub fields: &'static [Field],
    /// Whether one name can hold only one value there; such challenges go one after the other.
    pub one_value: bool,
    /// What to know beforehand, for the manual and the form.
    pub note: &'static str,
    pub(crate) build: Build,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Kind").field(&self.name).finish()
    }
}

/// What providers work with.
#[derive(Clone, Debug)]
pub struct Means {
    /// By which APIs are reached.
    pub client: outbound::Client,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// The folder whose programs may be run; `None`: none may.
    pub programs: Option<PathBuf>,
}

impl Kind {
    /// Makes a provider of what was typed.
    ///
    /// # Errors
    /// The first field that is wrong, and what mends it.
    pub fn build(
        &self,
        given: &BTreeMap<String, Secret<String>>,
        means: &Means,
    ) -> Result<Box<dyn Provider>, FieldError> {
        let settings = self.parse(given)?;
        (self.build)(&settings, means)
    }

    /// Whether it runs a program of this machine.
    pub fn runs_programs(&self) -> bool {
        self.fields.iter().any(|field| field.name == "program")
    }

    /// Reads what was typed, by the schema alone.
    ///
    /// # Errors
    /// The first field that is wrong, and what mends it.
    pub fn parse(&self, given: &BTreeMap<String, Secret<String>>) -> Result<Settings, FieldError> {
        if let Some(unknown) = given.keys().find(|name| !self.fields.iter().any(|field| field.name == **name))
        {
            let known: Vec<_> = self.fields.iter().map(|field| field.name).collect();
            return Err(FieldError {
                field: unknown.chars().take(64).collect(),
                reason: format!("is not a field of {}; its fields are {}", self.label, known.join(", ")),
            });
        }
        let mut values = BTreeMap::new();
        for field in self.fields {
            let value = given.get(field.name).map_or("", |value| value.expose().trim());
            let value = match (value, field.default) {
                ("", None) => return Err(field.wrong(format!("must be given. {}", field.help))),
                ("", Some(default)) => default,
                (value, _) => value,
            };
            if !value.is_empty() {
                field.check(value)?;
            }
            values.insert(field.name, Secret::new(value.to_owned()));
        }
        Ok(Settings { values, fields: self.fields })
    }
}

impl Field {
    fn wrong(&self, reason: impl Into<String>) -> FieldError {
        FieldError { field: self.name.to_owned(), reason: reason.into() }
    }

    fn check(&self, value: &str) -> Result<(), FieldError> {
        if value.len() > LONGEST {
            return Err(self.wrong(format!("is longer than {LONGEST} characters; paste only the value")));
        }
        let many_lines = self.kind == FieldKind::Secret;
        if value.chars().any(|c| c.is_control() && !(many_lines && matches!(c, '\n' | '\r' | '\t'))) {
            return Err(self.wrong("holds a line break or a control character; paste it again without"));
        }
        match self.kind {
            FieldKind::Text | FieldKind::Secret => Ok(()),
            FieldKind::Url => {
                let uri = value.parse::<::http::Uri>().ok();
                let web = uri.is_some_and(|uri| {
                    matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
                });
                if web && !value.contains('@') {
                    Ok(())
                } else {
                    Err(self.wrong("is not an address; it begins with https:// and holds no user name"))
                }
            }
            FieldKind::Choice(choices) if choices.contains(&value) => Ok(()),
            FieldKind::Choice(choices) => Err(self.wrong(format!("must be one of {}", choices.join(", ")))),
            FieldKind::Number(least, most) => match value.parse::<u32>() {
                Ok(number) if (least..=most).contains(&number) => Ok(()),
                _ => Err(self.wrong(format!("must be a whole number from {least} to {most}"))),
            },
        }
    }
}

/// What is wrong with a field.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{field} {reason}")]
pub struct FieldError {
    /// The name of the field.
    pub field: String,
    /// What is wrong, and what mends it; without the value.
    pub reason: String,
}

/// What was typed, read and checked.
#[derive(Clone, Debug)]
pub struct Settings {
    values: BTreeMap<&'static str, Secret<String>>,
    fields: &'static [Field],
}

impl Settings {
    pub(crate) fn get(&self, name: &str) -> &str {
        self.values.get(name).map_or("", |value| value.expose())
    }

    pub(crate) fn secret(&self, name: &str) -> Secret<String> {
        Secret::new(self.get(name).to_owned())
    }

    /// A number that was checked against its limits.
    pub(crate) fn number(&self, name: &str) -> u32 {
        self.get(name).parse().unwrap_or_default()
    }

    /// An address without the slash at its end.
    pub(crate) fn url(&self, name: &str) -> String {
        self.get(name).trim_end_matches('/').to_owned()
    }

    /// What must not be shown.
    pub(crate) fn secrets(&self) -> Vec<Secret<String>> {
        let secret = self.fields.iter().filter(|field| field.kind == FieldKind::Secret);
        secret.map(|field| self.secret(field.name)).filter(|secret| !secret.expose().is_empty()).collect()
    }
}

/// The page of the manual: every provider and its fields, in Markdown.
pub fn reference() -> String {
    let mut page = include_str!("reference.md").to_owned();
    for kind in KINDS {
        let _ = write!(page, "\n## {} (`{}`)\n\n{}\n", kind.label, kind.name, kind.note);
        if kind.one_value {
            page.push_str("\nOne name holds only one value there, so a certificate for a name and its wildcard proves them one after the other.\n");
        }
        page.push_str("\n| field | kind | when left empty | what it is |\n| --- | --- | --- | --- |\n");
        for field in kind.fields {
            let typed = match field.kind {
                FieldKind::Text => "text".to_owned(),
                FieldKind::Secret => "secret".to_owned(),
                FieldKind::Url => "address".to_owned(),
                FieldKind::Choice(choices) => format!("one of {}", choices.join(", ")),
                FieldKind::Number(least, most) => format!("number, {least} to {most}"),
            };
            let default = match field.default {
                None => "must be given".to_owned(),
                Some("") => "not used".to_owned(),
                Some(default) => format!("`{default}`"),
            };
            let _ = writeln!(
                page,
                "| `{}` | {typed} | {default} | {}. {} |",
                field.name, field.label, field.help
            );
        }
    }
    page
}

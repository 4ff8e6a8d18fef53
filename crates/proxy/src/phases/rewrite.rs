//! The path that the origin gets, where it is not the client's.
//!
//! Every decision is taken on the path that the client asked for. After each step the new path is brought into
//! normal form again, and one that holds a dot segment is refused: `/files$1` must not turn `/static../x` into
//! `/files/../x`.

use crate::config::{Template, rules};
use crate::log::Fault;
use crate::pipeline::{Call, Stop};
use crate::{path, spec};
use base::FieldError;
use regex::bytes::Regex;

/// One change of a path.
#[derive(Debug)]
pub(crate) enum Step {
    /// In normal form, without a slash at its end.
    Strip(Vec<u8>),
    Add(Vec<u8>),
    Replace(Vec<u8>),
    Regex(Regex, Template),
}

/// Compiles the steps.
///
/// # Errors
/// The first fault, below `rewrite`.
pub(crate) fn build(steps: &[spec::Rewrite]) -> Result<Vec<Step>, FieldError> {
    rules::count("rewrite", steps.len())?;
    let build_one = |(at, step): (usize, &spec::Rewrite)| {
        let wrong = |field: &str| {
            let field = format!("rewrite.{at}.{field}");
            move |message: String| FieldError::new(field, message)
        };
        Ok(match step {
            spec::Rewrite::StripPrefix { prefix } => {
                Step::Strip(rules::prefix(prefix).map_err(wrong("prefix"))?)
            }
            spec::Rewrite::AddPrefix { prefix } => Step::Add(rules::prefix(prefix).map_err(wrong("prefix"))?),
            spec::Rewrite::ReplacePath { path } => Step::Replace(rules::normal(path).map_err(wrong("path"))?),
            spec::Rewrite::Regex { pattern, replacement } => {
                let pattern = rules::pattern(pattern).map_err(wrong("pattern"))?;
                let template = Template::parse(replacement, Some(&pattern)).map_err(wrong("replacement"))?;
                if replacement.contains(['?', '#'])
                    || !replacement.bytes().all(|byte| byte.is_ascii_graphic())
                {
                    let message = "a replacement is a part of a path: visible ASCII without '?' and '#'; the query \
                                   stays as it is";
                    return Err(wrong("replacement")(message.to_owned()));
                }
                if template.names_upstream() {
                    return Err(wrong("replacement")(rules::UPSTREAM_TOO_EARLY.to_owned()));
                }
                Step::Regex(pattern, template)
            }
        })
    };
    steps.iter().enumerate().map(build_one).collect()
}

/// The path for the origin; `None` when it is the client's.
///
/// # Errors
/// When the new path could be read in two ways, or leads elsewhere.
pub(crate) fn apply(call: &Call<'_>, steps: &[Step]) -> Result<Option<Vec<u8>>, Stop> {
    let asked = call.request.path();
    if asked == b"*" {
        return Ok(None);
    }
    let mut current = None;
    for (at, step) in steps.iter().enumerate() {
        let path = current.as_deref().unwrap_or(asked);
        let changed = match step {
            Step::Strip(prefix) => path::below(prefix, path)
                .map(|rest| if rest.is_empty() { b"/".to_vec() } else { rest.into_owned() }),
            Step::Add(prefix) => Some([prefix, path].concat()),
            Step::Replace(path) => Some(path.clone()),
            Step::Regex(pattern, template) => pattern.captures(path).map(|found| {
                let whole = found.get_match();
                let mut changed = path[..whole.start()].to_vec();
                template.render(call, Some(&found), &mut changed);
                changed.extend_from_slice(&path[whole.end()..]);
                changed
            }),
        };
        if let Some(changed) = changed {
            current = Some(path::renormalise(changed).map_err(|path::Refused(reason)| {
                let reason = format!("Rewriting this path gives one that is refused: {reason}.");
                Stop { rule: Some(format!("{}", at + 1)), ..Stop::new("rewrite", 400, Fault::Client, reason) }
            })?);
        }
    }
    Ok(current)
}

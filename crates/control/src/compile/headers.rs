//! Header edits. Whether a name or a value is legal, `proxy::Config::build` says: it renders them.

use proxy::spec;
use store::proxy_hosts::{HeaderAction, HeaderEdit};

pub(super) fn compile(edits: &[HeaderEdit]) -> Vec<spec::HeaderEdit> {
    edits
        .iter()
        .map(|edit| {
            let (name, value) = (edit.name.clone(), edit.value.clone());
            match edit.action {
                HeaderAction::Set => spec::HeaderEdit::Set { name, value },
                HeaderAction::Add => spec::HeaderEdit::Add { name, value },
                HeaderAction::Remove => spec::HeaderEdit::Remove { name },
            }
        })
        .collect()
}

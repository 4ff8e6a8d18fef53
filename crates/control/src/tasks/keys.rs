//! Private keys as they were opened and checked last. Doing that for all of them at each change would be most of its
//! cost.

use base::{Secret, Timestamp};
use std::collections::HashMap;
use store::ssl_certificates::{self, Certificate};
use store::{Error, Store};

type Key = Result<Secret<String>, String>;

/// The keys of certificates by their id, with the state of the row that they belong to.
#[derive(Debug, Default)]
pub(super) struct Keys(HashMap<String, (State, Key)>);

/// What tells whether a row was written since.
#[derive(Clone, PartialEq, Eq, Debug)]
struct State(Timestamp, String);

impl State {
    fn of(row: &Certificate) -> Self {
        Self(row.updated_at, row.fingerprint.clone())
    }
}

impl Keys {
    /// All certificates, each with its key or the reason why it cannot be presented.
    pub(super) async fn read(&mut self, store: &Store) -> Result<Vec<(Certificate, Key)>, Error> {
        let before = std::mem::take(&mut self.0);
        let is_known =
            |row: &Certificate| before.get(&row.uuid).is_some_and(|(state, _)| *state == State::of(row));
        let rows = ssl_certificates::list_with_keys(store, |row| !is_known(row)).await?;
        let mut list = Vec::with_capacity(rows.len());
        for (row, opened) in rows {
            let key = match opened {
                Some(opened) => check(&row, opened),
                None => before
                    .get(&row.uuid)
                    .map_or_else(|| Err("it was not read".to_owned()), |(_, key)| key.clone()),
            };
            self.0.insert(row.uuid.clone(), (State::of(&row), key.clone()));
            list.push((row, key));
        }
        Ok(list)
    }
}

fn check(row: &Certificate, opened: Result<Secret<String>, Error>) -> Key {
    if !row.has_key {
        return Err("it has no private key".to_owned());
    }
    let key = opened.map_err(|error| error.to_string())?;
    certs::inspect(&row.certificate, &key).map_err(|error| error.to_string())?;
    Ok(key)
}

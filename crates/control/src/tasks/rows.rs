//! The rows that the configuration is made from, as they were read last. Of ten thousand, only those are read again
//! that were written since; all of them at the start, when another program has written to the database, and every ten
//! minutes.

use super::cookie_key;
use crate::compile::Ports;
use crate::compile::{CertificateRow, Rows};
use base::Secret;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use store::proxy_hosts::ProxyHost;
use store::ssl_certificates::{self, Certificate};
use store::{Error, Store, Touched, access_lists, proxy_hosts, settings};

/// How often everything is read without a reason.
const WHOLE: Duration = Duration::from_secs(600);

/// Rows, and up to where they are known.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) rows: Rows,
    seen: Option<Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    change: u64,
    /// See [`Store::outside_version`].
    outside: Option<i64>,
    /// When everything was read.
    whole: Duration,
}

impl Held {
    /// The change number that the rows are up to; they may hold more.
    pub(super) fn change(&self) -> u64 {
        self.seen.map_or(0, |seen| seen.change)
    }

    /// Reads what may have changed. `now` is of a monotonic clock.
    ///
    /// # Errors
    /// When the database cannot be read; then everything is read the next time.
    pub(super) async fn refresh(&mut self, store: &Store, now: Duration, ports: Ports) -> anyhow::Result<()> {
        let seen = self.seen.take();
        // Read before the rows: they may be newer than both, never older.
        let outside = store.outside_version().await?;
        let change = store.change_number().await?;
        self.rows.ports = ports;
        let seen = seen.filter(|seen| seen.outside == outside && now.saturating_sub(seen.whole) < WHOLE);
        let touched = seen.map_or(Touched::Everything, |seen| store.touched(seen.change, change));
        if seen.is_none_or(|seen| seen.change != change) {
            self.read(store, &touched).await?;
        }
        let whole = match (seen, touched) {
            (Some(seen), Touched::Rows { .. }) => seen.whole,
            _ => now,
        };
        self.seen = Some(Seen { change, outside, whole });
        Ok(())
    }

    async fn read(&mut self, store: &Store, touched: &Touched) -> anyhow::Result<()> {
        let settings = settings::all(store).await?;
        self.rows.settings = settings.into_iter().map(|setting| (setting.key, setting.value)).collect();
        let lists = access_lists::list(store).await?;
        let before = std::mem::take(&mut self.rows.access_lists);
        let lists = lists.into_iter().map(|list| match before.iter().find(|known| known.id == list.id) {
            Some(known) if **known == list => known.clone(),
            _ => Arc::new(list),
        });
        self.rows.access_lists = lists.collect();
        match touched {
            Touched::Everything => {
                let hosts = proxy_hosts::list(store).await?;
                self.rows.hosts = kept(&self.rows.hosts, hosts);
                self.rows.certificates = self.certificates(store, None).await?;
            }
            Touched::Rows { hosts, certificates } => {
                if !hosts.is_empty() {
                    let found = proxy_hosts::some(store, &list(hosts)).await?;
                    let found = kept(&self.rows.hosts, found);
                    put(&mut self.rows.hosts, found, hosts, |host| (&host.uuid, host.id));
                }
                if !certificates.is_empty() {
                    let found = self.certificates(store, Some(&list(certificates))).await?;
                    put(&mut self.rows.certificates, found, certificates, |one| (&one.row.uuid, one.row.id));
                }
            }
        }
        self.rows.cookie_key = cookie_key::ensure(store, &self.rows.hosts).await?;
        Ok(())
    }

    /// Certificates with their keys. One that is as it was is not opened and checked again: doing that for all of
    /// them would be most of the cost of a look at everything.
    async fn certificates(
        &self,
        store: &Store,
        uuids: Option<&[String]>,
    ) -> Result<Vec<Arc<CertificateRow>>, Error> {
        let known: HashMap<&str, &Arc<CertificateRow>> =
            self.rows.certificates.iter().map(|one| (one.row.uuid.as_str(), one)).collect();
        let like = |row: &Certificate| {
            known.get(row.uuid.as_str()).filter(|known| {
                known.row.updated_at == row.updated_at
                    && known.row.fingerprint == row.fingerprint
                    && known.row.name == row.name
                    && known.row.provider == row.provider
                    && known.row.has_key == row.has_key
            })
        };
        let rows = ssl_certificates::with_keys(store, uuids, |row| like(row).is_none()).await?;
        let held = rows.into_iter().map(|(row, opened)| match (like(&row), opened) {
            (Some(known), _) => Arc::clone(known),
            (None, Some(opened)) => {
                let key = check(&row, opened);
                Arc::new(CertificateRow::new(row, key))
            }
            (None, None) => Arc::new(CertificateRow::new(row, Err("it was not read".to_owned()))),
        });
        Ok(held.collect())
    }
}

fn list(uuids: &BTreeSet<String>) -> Vec<String> {
    uuids.iter().cloned().collect()
}

/// The rows that were read; one that is as it was is the one that was there.
fn kept(before: &[Arc<ProxyHost>], read: Vec<ProxyHost>) -> Vec<Arc<ProxyHost>> {
    let like = |row: &ProxyHost| {
        let at = before.binary_search_by_key(&row.id, |known| known.id).ok()?;
        Some(&before[at]).filter(|known| ***known == *row)
    };
    read.into_iter().map(|row| like(&row).cloned().unwrap_or_else(|| Arc::new(row))).collect()
}

/// Puts rows in their places in a list in the order of row ids; `touched` ones that were not found are gone.
fn put<T>(
    rows: &mut Vec<Arc<T>>,
    found: Vec<Arc<T>>,
    touched: &BTreeSet<String>,
    key: impl Fn(&T) -> (&String, i64),
) {
    rows.retain(|row| !touched.contains(key(row).0));
    for row in found {
        let at = rows.partition_point(|other| key(other).1 < key(&row).1);
        rows.insert(at, row);
    }
}

fn check(row: &Certificate, opened: Result<Secret<String>, Error>) -> Result<Secret<String>, String> {
    if !row.has_key {
        return Err("it has no private key".to_owned());
    }
    let key = opened.map_err(|error| error.to_string())?;
    certs::inspect(&row.certificate, &key).map_err(|error| error.to_string())?;
    Ok(key)
}

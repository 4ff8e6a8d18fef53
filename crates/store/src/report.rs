//! What a takeover found, did and left: every row accounted for.

use base::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// The account of one takeover or migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationReport {
    /// `takeover` of the original's database, or `migration` of ours.
    pub kind: String,
    /// What the file seems to be, in words.
    pub source: String,
    /// Copy of the file as it was.
    pub backup_path: Option<PathBuf>,
    /// When the work began.
    pub started_at: Timestamp,
    /// Each table that held rows or was expected, by name.
    pub tables: Vec<TableReport>,
    /// Tables of the file that Charon does not know; they stay as they were.
    pub extra_tables: Vec<ExtraTable>,
    /// Required tables that the file lacked; they were made, empty.
    pub missing_tables: Vec<String>,
    /// What a person should look at.
    pub notes: Vec<String>,
}

/// The account of one table. `rows_in` is always the sum of `carried`, `changed` and `set_aside`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableReport {
    /// The table's name.
    pub table: String,
    /// Rows found.
    pub rows_in: u64,
    /// Rows that are as they were.
    pub carried: u64,
    /// Rows that were carried with a change.
    pub changed: u64,
    /// Rows that could not be carried; they wait in `set_aside_rows`.
    pub set_aside: u64,
    /// What was changed in how many rows.
    pub changes: Vec<Change>,
    /// Which rows were set aside, and why.
    pub set_aside_rows: Vec<SetAsideRow>,
}

/// A change, and how many rows it was made in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// How many rows.
    pub rows: u64,
    /// What was changed.
    pub what: String,
}

/// A row that was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAsideRow {
    /// Which row, by its key in the old file.
    pub key: String,
    /// Why.
    pub reason: String,
}

/// A table that Charon does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtraTable {
    /// Its name now.
    pub table: String,
    /// How many rows it holds.
    pub rows: u64,
}

/// At most this many rows of one table are named in text; the rest is in `set_aside_rows`.
const NAMED: usize = 20;

impl MigrationReport {
    /// Rows of all tables: found, carried, changed, set aside.
    pub fn totals(&self) -> (u64, u64, u64, u64) {
        self.tables.iter().fold((0, 0, 0, 0), |sum, table| {
            (sum.0 + table.rows_in, sum.1 + table.carried, sum.2 + table.changed, sum.3 + table.set_aside)
        })
    }
}

impl TableReport {
    pub(crate) fn add_change(&mut self, what: &str) {
        match self.changes.iter_mut().find(|change| change.what == what) {
            Some(change) => change.rows += 1,
            None => self.changes.push(Change { rows: 1, what: what.to_owned() }),
        }
    }

    /// Whether every row is accounted for.
    pub(crate) fn adds_up(&self) -> bool {
        self.rows_in == self.carried + self.changed + self.set_aside
    }
}

impl fmt::Display for MigrationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} of {}", self.kind, self.source)?;
        if let Some(path) = &self.backup_path {
            writeln!(f, "backup: {}", path.display())?;
        }
        writeln!(f, "{:<30} {:>8} {:>8} {:>8} {:>9}", "table", "rows in", "carried", "changed", "set aside")?;
        for table in &self.tables {
            writeln!(
                f,
                "{:<30} {:>8} {:>8} {:>8} {:>9}",
                table.table, table.rows_in, table.carried, table.changed, table.set_aside
            )?;
        }
        let (rows, carried, changed, aside) = self.totals();
        writeln!(f, "{:<30} {rows:>8} {carried:>8} {changed:>8} {aside:>9}", "all")?;
        for table in &self.tables {
            for change in &table.changes {
                writeln!(f, "changed: {} ({} rows): {}", table.table, change.rows, change.what)?;
            }
            for row in table.set_aside_rows.iter().take(NAMED) {
                writeln!(f, "set aside: {} {}: {}", table.table, row.key, row.reason)?;
            }
            if table.set_aside_rows.len() > NAMED {
                writeln!(f, "set aside: {} and {} more", table.table, table.set_aside_rows.len() - NAMED)?;
            }
        }
        for name in &self.missing_tables {
            writeln!(f, "made, since it was missing: {name}")?;
        }
        for extra in &self.extra_tables {
            writeln!(
                f,
                "left as it was, since Charon does not know it: {} ({} rows)",
                extra.table, extra.rows
            )?;
        }
        for note in &self.notes {
            writeln!(f, "look at this: {note}")?;
        }
        Ok(())
    }
}

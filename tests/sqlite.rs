//! Looks into a database file from outside, and damages it, with Python's own SQLite: what Charon says of its
//! rows is compared with what another program reads.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const PROGRAM: &str = "
import json, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
rows = []
for statement in sys.argv[2:]:
    rows = connection.execute(statement).fetchall()
connection.commit()
connection.close()
print(json.dumps(rows, default=str))
";

/// Runs the statements in one transaction and gives the rows of the last one.
pub(crate) fn run(file: &Path, statements: &[&str]) -> Vec<Value> {
    let output = Command::new("python3").args(["-c", PROGRAM]).arg(file).args(statements).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The names of all tables.
pub(crate) fn tables(file: &Path) -> Vec<String> {
    let names =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    run(file, &[names]).iter().map(|row| row[0].as_str().unwrap().to_owned()).collect()
}

/// How many rows each table has.
pub(crate) fn counts(file: &Path) -> BTreeMap<String, u64> {
    let each: Vec<String> = tables(file)
        .iter()
        .map(|table| format!("SELECT '{table}', (SELECT count(*) FROM \"{table}\")"))
        .collect();
    let rows = run(file, &[&each.join(" UNION ALL ")]);
    rows.iter().map(|row| (row[0].as_str().unwrap().to_owned(), row[1].as_u64().unwrap())).collect()
}

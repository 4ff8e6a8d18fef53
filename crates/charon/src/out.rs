//! Output of commands: text or JSON on standard output. A closed pipe ends quietly.

use serde_json::Value;
use std::io::Write;

/// Writes one line (or several) of text.
pub(crate) fn text(line: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    // A reader that has gone (`charon hosts list | head -1`) is no failure of the command.
    _ = writeln!(out, "{}", line.as_ref());
    _ = out.flush();
}

/// Writes a JSON value, indented.
pub(crate) fn json(value: &Value) {
    text(format!("{value:#}"));
}

/// Writes rows as aligned columns under a heading; the last column is not padded.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    text(line(&head.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>()));
    for row in rows {
        text(line(row));
    }
}

//! The documents say what is so: codes, file names and sizes.

use base::Code;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Generated or foreign files, which nobody reads from top to bottom.
const GENERATED: &[&str] =
    &["Cargo.lock", "package-lock.json", "openapi.json", "migration-report.md", ".generated.ts"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// All files below a folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// The project's own files, as the version control knows them; all files of the source folders without it.
fn own_files() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    match listed {
        Ok(output) if output.status.success() => {
            let names = String::from_utf8(output.stdout).unwrap();
            names.split_terminator('\0').map(|name| root().join(name)).filter(|path| path.is_file()).collect()
        }
        _ => ["crates", "testkit", "tests", "bench/src", "docs", "scripts", "deploy", "web/src"]
            .iter()
            .flat_map(|folder| files_below(&root().join(folder)))
            .collect(),
    }
}

#[test]
fn every_problem_code_has_a_section_in_the_troubleshooting_page_and_no_section_is_stale() {
    let page = fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap();
    let sections: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    for code in Code::ALL {
        assert!(sections.contains(&code.as_str()), "docs/troubleshooting.md has no section '## {code}'");
    }
    // A section in lower case with hyphens is one of a code.
    let like_a_code =
        |name: &&&str| name.contains('-') && name.chars().all(|c| c == '-' || c.is_ascii_lowercase());
    for section in sections.iter().filter(like_a_code) {
        let known = Code::ALL.iter().any(|code| code.as_str() == *section);
        assert!(known, "docs/troubleshooting.md explains '{section}', which is no problem code");
    }
}

#[test]
fn every_file_that_the_architecture_page_names_is_there() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let files = own_files();
    let mut checked = 0;
    for name in page.split('`').skip(1).step_by(2) {
        let is_file = [".rs", ".toml", ".md", ".json"].iter().any(|ending| name.ends_with(ending));
        let is_pattern = name.split(['/', '.']).any(|part| ["NAME", "RESOURCE", "VERB"].contains(&part));
        if !is_file || !name.contains('/') || is_pattern {
            continue;
        }
        checked += 1;
        let there = files.iter().any(|file| file.ends_with(name));
        assert!(there, "ARCHITECTURE.md names {name}, which does not exist");
    }
    assert!(checked > 5, "the names in ARCHITECTURE.md were not found");
}

#[test]
fn no_file_is_longer_than_a_person_reads() {
    for file in own_files() {
        let name = file.strip_prefix(root()).unwrap().display().to_string();
        if GENERATED.iter().any(|ending| name.ends_with(ending)) || name.contains("fixtures/") {
            continue;
        }
        let size = file.metadata().unwrap().len();
        assert!(size <= 40 * 1024, "{name} has {size} bytes; split it");
    }
}

#[test]
fn every_rust_file_opens_with_what_it_is() {
    for file in own_files() {
        let name = file.strip_prefix(root()).unwrap().display().to_string();
        if name.ends_with(".rs") {
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.starts_with("//!"), "{name} does not open with //! and what it is");
        }
    }
}

//! The pages of cases name the tests that hold them; this holds the pages to it.

use std::fs::read_to_string;

#[test]
fn each_test_that_a_page_of_cases_names_exists() {
    hold("protocol-cases.md", 50);
    hold("upstream-faults.md", 30);
    hold("certificates.md", 30);
}

/// Holds a page that names at least so many tests.
fn hold(page: &str, least: usize) {
    let root = env!("CARGO_MANIFEST_DIR");
    let page = read_to_string(format!("{root}/../../docs/qa/{page}")).unwrap();
    let names: Vec<_> = page.split('`').skip(1).step_by(2).filter_map(|text| text.split_once("::")).collect();
    assert!(names.len() > least, "{}", names.len());
    for (module, name) in names {
        if module == "Stats" || module == "Cut" {
            continue;
        }
        let file = match module.split_once('/') {
            Some(("src", path)) => format!("{root}/src/{path}.rs"),
            Some(("crates", path)) => format!("{root}/../{path}.rs"),
            Some(("tests", path)) => format!("{root}/../../tests/{path}.rs"),
            _ => format!("{root}/tests/wire/{module}.rs"),
        };
        let code = read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(code.contains(&format!("fn {name}()")), "{module}::{name}");
    }
}

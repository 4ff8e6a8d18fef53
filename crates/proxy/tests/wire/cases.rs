//! The page of cases names the tests that hold them; this holds the page to it.

use std::fs::read_to_string;

#[test]
fn each_test_that_the_page_of_cases_names_exists() {
    let root = env!("CARGO_MANIFEST_DIR");
    let page = read_to_string(format!("{root}/../../docs/qa/protocol-cases.md")).unwrap();
    let names: Vec<_> = page.split('`').skip(1).step_by(2).filter_map(|text| text.split_once("::")).collect();
    assert!(names.len() > 50);
    for (module, name) in names {
        if module == "Stats" || module == "Cut" {
            continue;
        }
        let file = match module.strip_prefix("src/") {
            Some(path) => format!("{root}/src/{path}.rs"),
            None => format!("{root}/tests/wire/{module}.rs"),
        };
        let code = read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(code.contains(&format!("fn {name}()")), "{module}::{name}");
    }
}

//! Holds the graph of ARCHITECTURE.md: who may depend on whom, which foreign crate stands where, and what the
//! pure parts must not touch.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Our crates and the crates of ours that each may use outside tests.
const ALLOWED: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("tasks", &["base"]),
    ("outbound", &["base"]),
    ("dns01", &["base", "outbound"]),
    ("certs", &["base"]),
    ("rehearsal", &["base"]),
    ("acme", &["base", "outbound"]),
    ("crowdsec", &["base", "outbound"]),
    ("proxy", &["base"]),
    ("store", &["base", "tasks"]),
    (
        "control",
        &["base", "tasks", "store", "proxy", "certs", "dns01", "acme", "crowdsec", "outbound", "rehearsal"],
    ),
    ("api", &["base", "tasks", "store", "certs", "dns01", "rehearsal"]),
    (
        "charon",
        &[
            "base",
            "tasks",
            "store",
            "proxy",
            "certs",
            "dns01",
            "rehearsal",
            "crowdsec",
            "outbound",
            "control",
            "api",
        ],
    ),
    ("testkit", &["base", "certs"]),
    ("tests", &[]),
    ("bench", &["base", "testkit"]),
];

/// Foreign crates that stand in these crates of ours and nowhere else.
const AT_HOME: &[(&str, &[&str])] = &[
    ("sea-orm", &["store"]),
    ("axum", &["api", "charon"]),
    ("utoipa", &["api"]),
    ("argon2", &["api"]),
    ("bcrypt", &["api"]),
    ("clap", &["charon"]),
    ("rust-embed", &["charon"]),
    ("rcgen", &["certs"]),
    ("x509-parser", &["certs", "proxy"]),
    ("httparse", &["proxy"]),
    ("h2", &["proxy"]),
    ("quinn", &["proxy", "bench"]),
    ("socket2", &["proxy", "bench"]),
    ("hyper", &["charon"]),
    ("reqwest", &["outbound"]),
    ("instant-acme", &["acme"]),
    ("psl", &["rehearsal"]),
    ("hickory-resolver", &["proxy"]),
    ("pingora", &[]),
];

/// What must not be reached from a crate of ours, however far away.
const OUT_OF_REACH: &[(&str, &[&str])] = &[
    ("proxy", &["hyper", "tower", "axum", "sea-orm", "sqlx", "libsqlite3-sys", "reqwest", "clap"]),
    ("base", &["tokio", "rustls", "hyper"]),
    ("certs", &["tokio", "hyper"]),
    ("rehearsal", &["tokio", "hyper"]),
    ("store", &["axum", "hyper", "h2"]),
    ("charon", &["ring", "openssl", "native-tls", "rusqlite"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    let options = ["--locked", "--offline"];
    command.current_dir(root()).other_options(options.map(str::to_owned).to_vec());
    command.exec().unwrap()
}

fn outside_tests(package: &Package) -> BTreeSet<String> {
    let normal =
        package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
    normal.map(|dependency| dependency.name.to_string()).collect()
}

#[test]
fn our_crates_depend_only_downwards() {
    let metadata = metadata();
    let ours: BTreeMap<_, _> =
        metadata.workspace_packages().into_iter().map(|p| (p.name.to_string(), p)).collect();
    let known: BTreeSet<_> = ALLOWED.iter().map(|(name, _)| (*name).to_owned()).collect();
    let there: BTreeSet<_> = ours.keys().cloned().collect();
    assert_eq!(there, known, "ALLOWED and the workspace name different crates");
    for (name, allowed) in ALLOWED {
        let used = outside_tests(ours[*name]);
        let wrong: Vec<_> =
            used.iter().filter(|d| ours.contains_key(*d) && !allowed.contains(&d.as_str())).collect();
        assert!(wrong.is_empty(), "{name} must not depend on {wrong:?}; see ARCHITECTURE.md");
    }
}

#[test]
fn foreign_crates_stay_behind_one_of_ours() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        for dependency in outside_tests(package) {
            let home = AT_HOME.iter().find(|(foreign, _)| *foreign == dependency);
            let fits = home.is_none_or(|(_, homes)| homes.contains(&package.name.as_str()));
            assert!(fits, "{} must not use {dependency}: it stands in {:?}", package.name, home.unwrap().1);
        }
    }
}

#[test]
fn the_data_plane_reaches_no_framework_and_nothing_reaches_a_second_tls_stack() {
    for (name, forbidden) in OUT_OF_REACH {
        let reached = reach(name);
        let wrong: Vec<_> = forbidden.iter().filter(|foreign| reached.contains(**foreign)).collect();
        assert!(wrong.is_empty(), "{name} reaches {wrong:?}; `cargo tree -p {name} -i NAME` says how");
    }
    assert!(reach("charon").contains("sea-orm"), "the walk over the graph finds nothing");
}

/// Names of everything that `name` needs at run time, directly or not: of `cargo tree`, since the graph of the
/// metadata also holds optional crates that nothing switches on.
fn reach(name: &str) -> BTreeSet<String> {
    let options =
        ["tree", "--locked", "--offline", "--edges", "normal", "--prefix", "none", "--package", name];
    let output = Command::new(env!("CARGO")).args(options).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn everything_comes_from_crates_io_under_a_licence_that_is_allowed() {
    let deny = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let list = deny.split_once("\nallow = [").unwrap().1.split_once(']').unwrap().0;
    let allowed: BTreeSet<&str> = list.split('"').skip(1).step_by(2).collect();
    assert!(allowed.contains("MIT"), "the list of licences in deny.toml was not found");
    let metadata = metadata();
    let needed: BTreeSet<String> = reach("charon");
    for package in metadata.packages.iter().filter(|package| needed.contains(package.name.as_str())) {
        let from_crates_io = package.source.as_ref().is_none_or(|source| source.is_crates_io());
        assert!(from_crates_io, "{} comes from {:?}", package.name, package.source);
        let licence = package.license.clone().unwrap_or_default().replace('/', " OR ");
        assert!(holds(&licence, &allowed), "{} is under '{licence}'", package.name);
    }
}

/// Whether an SPDX expression can be met with the allowed licences.
fn holds(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let padded = expression.replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = padded.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest, allowed) && rest.is_empty()
}

fn any_of(rest: &mut &[&str], allowed: &BTreeSet<&str>) -> bool {
    let mut result = all_of(rest, allowed);
    while let [first, tail @ ..] = *rest
        && *first == "OR"
    {
        *rest = tail;
        result |= all_of(rest, allowed);
    }
    result
}

fn all_of(rest: &mut &[&str], allowed: &BTreeSet<&str>) -> bool {
    let mut result = one(rest, allowed);
    while let [first, tail @ ..] = *rest
        && *first == "AND"
    {
        *rest = tail;
        result &= one(rest, allowed);
    }
    result
}

fn one(rest: &mut &[&str], allowed: &BTreeSet<&str>) -> bool {
    match *rest {
        ["(", tail @ ..] => {
            *rest = tail;
            let result = any_of(rest, allowed);
            *rest = rest.strip_prefix(&[")"]).unwrap_or(rest);
            result
        }
        // An exception only gives more rights.
        [name, "WITH", _, tail @ ..] | [name, tail @ ..] => {
            *rest = tail;
            allowed.contains(name)
        }
        [] => false,
    }
}

#[test]
fn licence_expressions_are_read_with_their_precedence() {
    let allowed = BTreeSet::from(["MIT", "ISC"]);
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("MIT AND GPL-3.0", false),
        ("ISC AND (GPL-3.0 OR MIT)", true),
        ("(MIT OR ISC) AND GPL-3.0", false),
        ("MIT WITH LLVM-exception", true),
        ("", false),
    ] {
        assert_eq!(holds(expression, &allowed), expected, "{expression}");
    }
}

#[test]
fn the_pure_parts_do_no_io_and_read_no_clock() {
    for folder in ["crates/certs/src", "crates/control/src/compile"] {
        let mut files = 0;
        for file in super::docs::files_below(&root().join(folder)) {
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            if file.file_name().is_some_and(|name| name == "tests.rs") {
                continue;
            }
            files += 1;
            for shortcut in
                ["std::fs", "std::net::Tcp", "tokio::", "SystemClock", "Instant", "std::env", "std::process"]
            {
                assert!(!code.contains(shortcut), "{} uses {shortcut}", file.display());
            }
        }
        assert!(files > 0, "{folder} is gone");
    }
}

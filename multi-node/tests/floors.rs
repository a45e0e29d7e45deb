//! Holds the source to its floors (see ARCHITECTURE.md): a module imports only from below.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module of the crate with what it may import: modules of the crate, then other crates.
///
/// Modules that a line does not name must not be imported; `std` always may be.
const FLOORS: [(&str, &[&str], &[&str]); 14] = [
    ("config", &[], &["serde"]),
    ("error", &["config"], &["thiserror"]),
    ("event", &["config"], &["serde"]),
    ("report", &["config"], &["tracing"]),
    ("signal", &[], &["serde"]),
    ("policy", &["config", "event", "signal"], &["serde"]),
    ("sys", &["config", "signal"], &["libc", "nix", "signal_hook_registry"]),
    (
        "link",
        &["config", "error", "event", "report", "policy", "sys"],
        &["bincode", "serde", "thiserror", "tokio", "futures_core", "futures_sink"],
    ),
    (
        "master",
        &["config", "error", "event", "report", "signal", "policy", "sys", "link"],
        &["sd_notify", "serde", "tokio"],
    ),
    (
        "node",
        &["config", "error", "event", "report", "signal", "policy", "sys", "link"],
        &[
            "axum",
            "futures_core",
            "futures_sink",
            "http_body",
            "hyper",
            "hyper_util",
            "pin_project_lite",
            "serde",
            "thiserror",
            "tokio",
            "tower_layer",
            "tower_service",
        ],
    ),
    ("builder", &["config", "error"], &[]),
    ("init", &["config", "error", "report", "sys"], &[]),
    ("rehearsal", &["builder", "error", "link", "master", "node", "report", "sys"], &[]),
    ("runtime", &["builder", "error", "init", "master", "node", "rehearsal", "report", "sys"], &[]),
];

/// Crates that only the modules above that list them may name.
const CRATES: [&str; 18] = [
    "axum",
    "bincode",
    "futures_core",
    "futures_sink",
    "http_body",
    "hyper",
    "hyper_util",
    "libc",
    "nix",
    "pin_project_lite",
    "sd_notify",
    "serde",
    "signal_hook_registry",
    "thiserror",
    "tokio",
    "tower_layer",
    "tower_service",
    "tracing",
];

#[test]
fn every_module_imports_only_from_the_floors_below_it() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let (module, modules, crates) = *floor_of(&path);
        for (number, line) in code(&text) {
            for named in names_after(line, "crate::") {
                let known = FLOORS.iter().any(|(name, ..)| *name == named);
                if known && named != module && !modules.contains(&named) {
                    wrong.push(format!("{}:{number}: {module} uses {named}", path.display()));
                }
            }
            for named in CRATES {
                if names_crate(line, named) && !crates.contains(&named) {
                    wrong.push(format!("{}:{number}: {module} uses {named}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_is_in_sys_alone() {
    for (path, text) in sources() {
        if floor_of(&path).0 != "sys" {
            for (number, line) in code(&text) {
                let is_unsafe = ["unsafe {", "unsafe fn", "unsafe impl"];
                let found = is_unsafe.iter().any(|form| line.contains(form));
                assert!(!found, "{}:{number}: {line}", path.display());
            }
        }
    }
}

#[test]
fn policy_has_no_clock_no_io_and_nothing_async() {
    for (path, text) in sources() {
        if floor_of(&path).0 == "policy" {
            let banned = ["Instant", "SystemTime", "std::fs", "std::net", "std::process", "async "];
            for (number, line) in code(&text) {
                let found = banned.iter().find(|word| line.contains(**word));
                assert_eq!(found, None, "{}:{number}: {line}", path.display());
            }
        }
    }
}

#[test]
fn the_checks_above_can_fail() {
    assert_eq!(names_after("use crate::{config, link::codec};", "crate::"), ["config", "link"]);
    assert_eq!(names_after("crate::sys::exit(); crate::node::x", "crate::"), ["sys", "node"]);
    assert!(names_crate("use tokio::net;", "tokio"));
    assert!(!names_crate("let x = into_tokio::<T>();", "tokio"));
    let lines: Vec<_> = code("a\n// b\n/// c\nd // unsafe {").collect();
    assert_eq!(lines, [(1, "a"), (4, "d ")]);
}

/// The modules named right behind `prefix`, in `use` groups too.
fn names_after<'a>(line: &'a str, prefix: &str) -> Vec<&'a str> {
    let word = |text: &'a str| text.split(|c: char| !c.is_alphanumeric() && c != '_').next();
    let mut names = Vec::new();
    for (at, _) in line.match_indices(prefix) {
        let rest = &line[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group.split(',').filter_map(|name| word(name.trim()))),
            None => names.extend(word(rest)),
        }
    }
    names
}

fn names_crate(line: &str, name: &str) -> bool {
    let path = format!("{name}::");
    line.match_indices(&path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

/// The lines of code with their numbers, without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let lines = lines.map(|(number, line)| (number, line.split("//").next().unwrap_or_default()));
    lines.filter(|(_, line)| !line.trim().is_empty())
}

/// The source files below a floor's module, tests left out: they may use what they need.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the source is readable") {
            let path = entry.expect("an entry").path();
            let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
            if path.is_dir() && !is_test {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") && !is_test {
                let text = fs::read_to_string(&path).expect("a source file is text");
                let path = path.strip_prefix(&root).expect("below the root").to_owned();
                if path != Path::new("lib.rs") {
                    found.push((path, text));
                }
            }
        }
    }
    assert!(found.len() > 20, "only {} source files were found", found.len());
    found
}

fn floor_of(
    path: &Path,
) -> &'static (&'static str, &'static [&'static str], &'static [&'static str]) {
    let first = path.components().next().expect("a path").as_os_str();
    let module = Path::new(first).file_stem().expect("a name");
    let floor = FLOORS.iter().find(|(name, ..)| module == *name);
    floor.unwrap_or_else(|| panic!("{} is on no floor", path.display()))
}

//! The style that prose asks for, as far as a machine can see it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::harness::repository;

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

struct Source {
    path: String,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Tests tell their story in one place; the limits are for the rest.
    fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests")
    }

    fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{}: {what}", self.path, line + 1)
    }
}

/// Every text file that people write here.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    walk(repository(), &mut found);
    assert!(found.iter().filter(|source| source.is_rust()).count() > 50, "the walk misses most of the tree");
    found
}

fn walk(folder: &Path, found: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() && !["target", ".git", "node_modules", "results"].contains(&name.as_ref()) {
            walk(&path, found);
        }
        let written = ["rs", "md", "toml", "sql", "yaml", "yml", "sh", "lua"];
        let by_name = ["justfile", "Dockerfile", "run"].contains(&name.as_ref());
        if path.is_file() && (by_name || path.extension().is_some_and(|end| written.iter().any(|w| end == *w))) {
            let place = path.strip_prefix(repository()).unwrap().to_string_lossy().into_owned();
            found.push(Source { path: place, text: fs::read_to_string(&path).unwrap() });
        }
    }
}

/// Collects what is wrong with each line of each source that `which` picks.
fn wrong_lines(which: impl Fn(&Source) -> bool, wrong: impl Fn(&str) -> Option<&'static str>) -> Vec<String> {
    let picked = sources().into_iter().filter(which);
    picked
        .flat_map(|source| {
            let lines = source.text.lines().enumerate();
            lines.filter_map(|(number, line)| wrong(line).map(|what| source.at(number, what))).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn lines_end_where_their_text_ends() {
    let wrong = wrong_lines(|_| true, |line| line.ends_with([' ', '\t', '\r']).then_some("trailing whitespace"));
    assert!(wrong.is_empty(), "{wrong:#?}");
    let no_newline: Vec<_> =
        sources().into_iter().filter(|source| !source.text.ends_with('\n')).map(|source| source.path).collect();
    assert!(no_newline.is_empty(), "these do not end with a newline: {no_newline:#?}");
}

#[test]
fn nothing_unfinished_and_nothing_waved_through() {
    // In two parts, so that this file does not find itself.
    let banned = [
        (concat!("todo", "!("), "unfinished"),
        (concat!("unimpl", "emented!("), "unfinished"),
        (concat!("d", "bg!("), "left over"),
        (concat!("#[ig", "nore"), "a test that never runs"),
        (concat!("#[all", "ow("), "use #[expect(…, reason = …)]"),
        (concat!("#![all", "ow("), "use #![expect(…, reason = …)]"),
    ];
    // `on!` is expanded in bodies that may or may not need its imports, so nothing can be expected there.
    let is_checked = |source: &Source| source.is_rust() && source.path != "crates/store/src/tx.rs";
    // Run by another test, as a process of its own that is killed.
    let is_body = |line: &str| line.contains("= \"the body of a process that another test kills\"");
    let wrong = wrong_lines(is_checked, |line| {
        banned.iter().find(|(text, _)| line.contains(text) && !is_body(line)).map(|(_, what)| *what)
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_path_of_anybodys_machine() {
    let banned = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
    let wrong = wrong_lines(
        |_| true,
        |line| {
            let starts =
                |at: usize| line[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric() && before != '}');
            banned.iter().any(|path| line.find(path).is_some_and(starts)).then_some("the path of a machine")
        },
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut wrong = Vec::new();
    for source in sources().into_iter().filter(|source| source.is_rust() && !source.is_test()) {
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{}: {lines} lines", source.path));
        }
        if !source.text.starts_with("//! ") {
            wrong.push(format!("{}: does not start with what it is (//! …)", source.path));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn functions_are_short() {
    let picked = sources().into_iter().filter(|source| source.is_rust() && !source.is_test());
    let wrong: Vec<_> = picked.flat_map(|source| long_functions(&source)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Functions by their indentation, which rustfmt keeps: from the line with `fn` to the next closing brace in its column.
fn long_functions(source: &Source) -> Vec<String> {
    // The module of unit tests, which stands last, is a test too.
    let lines: Vec<&str> = source.text.lines().take_while(|line| *line != "mod tests {").collect();
    let mut wrong = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let words = code.split(['(', '<']).next().unwrap_or_default();
        let is_function = words.split(' ').rev().nth(1) == Some("fn") && !code.starts_with("//");
        // A declaration of a trait has no body, and a body on one line no closing brace of its own.
        if !is_function || code.ends_with(';') || code.ends_with('}') {
            continue;
        }
        let indent = line.len() - code.len();
        let is_end = |line: &&str| line.len() - line.trim_start().len() == indent && line.trim_start().starts_with(['}', ')']);
        let mut length = 1;
        for line in &lines[start + 1..] {
            length += 1;
            let closes_signature = is_end(line) && line.trim_start().starts_with(')');
            if is_end(line) && (!closes_signature || line.ends_with(';')) {
                break;
            }
        }
        if length > FUNCTION_LINES_MAX {
            wrong.push(source.at(start, &format!("a function of {length} lines")));
        }
    }
    wrong
}

#[test]
fn domains_keep_sql_in_its_place() {
    let is_rule = |source: &Source| {
        let place = source.path.strip_prefix("crates/").unwrap_or_default();
        let crates = [
            "identity",
            "registry",
            "ledger",
            "proxy-billing",
            "market",
            "reputation",
            "networks",
            "coordinator",
            "simulation",
            "a2a",
            "delivery",
        ];
        source.is_rust()
            && !source.is_test()
            && crates.iter().any(|name| place.starts_with(&format!("{name}/src/")))
            && !place.contains("/sql/")
            && !place.ends_with("/sql.rs")
    };
    let wrong = wrong_lines(is_rule, |line| line.contains("diesel").then_some("SQL outside sql/"));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

//! The sample settings, the operator's table and the program know the same settings.

use std::{collections::BTreeSet, fs, process::Command};

use crate::harness::{binary, repository};

const SAMPLE: &str = "rialto.example.toml";

fn help() -> String {
    let output = Command::new(binary()).args(["serve", "--help"]).env_clear().output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// `RIALTO_X` of every setting, from the help.
fn variables() -> BTreeSet<String> {
    let help = help();
    let names = help.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next());
    names.map(str::to_owned).collect()
}

/// Runs a command that reads the settings and needs nothing else.
fn accepts(settings: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.toml");
    fs::write(&file, settings).unwrap();
    let output = Command::new(binary()).arg("openapi").arg("--config").arg(&file).env_clear().output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[test]
fn the_sample_settings_are_accepted_as_they_are_and_with_every_line_in_force() {
    let sample = fs::read_to_string(repository().join(SAMPLE)).unwrap();
    accepts(&sample).unwrap();
    // A key is text before an equals sign; a sentence is not.
    let is_setting = |line: &str| line.strip_prefix("# ").is_some_and(|rest| rest.split(" = ").next() != Some(rest));
    let every: String =
        sample.lines().map(|line| if is_setting(line) { format!("{}\n", &line[2..]) } else { format!("{line}\n") }).collect();
    accepts(&every).unwrap();
    let table: toml::Table = every.parse().unwrap();
    let in_sample: BTreeSet<String> = table.keys().map(|key| format!("RIALTO_{}", key.to_uppercase())).collect();
    let mut settings = variables();
    settings.remove("RIALTO_CONFIG");
    assert_eq!(in_sample, settings, "the sample left, the program right");
}

#[test]
fn the_operators_table_has_every_setting_and_no_other() {
    let page = fs::read_to_string(repository().join("docs/operating.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `RIALTO_")).filter_map(|rest| rest.split('`').next());
    let told: BTreeSet<String> = rows.map(|name| format!("RIALTO_{name}")).collect();
    assert_eq!(told, variables(), "docs/operating.md left, the program right");
}

#[test]
fn a_wrong_key_or_value_is_refused_by_name() {
    let unknown = accepts("lisen = \"127.0.0.1:1\"\n").unwrap_err();
    assert!(unknown.contains("lisen") && unknown.contains("listen"), "{unknown}");
    for (setting, names) in [
        ("log = \"loud\"", ["log", "json"]),
        ("sandbox = \"perhaps\"", ["sandbox", "true"]),
        ("workers = 0", ["workers", "1..=256"]),
        ("database_url = \"mysql://x\"", ["database-url", "sqlite:"]),
        ("trusted_proxies = [\"everybody\"]", ["trusted-proxies", "10.0.0.0/8"]),
    ] {
        let refused = accepts(setting).unwrap_err();
        assert!(names.iter().all(|name| refused.contains(name)), "{setting}: {refused}");
    }
    let output = Command::new(binary()).arg("openapi").env_clear().env("RIALTO_LISEN", "x").output().unwrap();
    let refused = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && refused.contains("RIALTO_LISEN") && refused.contains("RIALTO_LISTEN"), "{refused}");
}

//! Who may depend on whom, and what must never come in.

use std::{collections::BTreeSet, fs};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use crate::harness::repository;

/// What every domain may use.
const BASE: &[&str] = &["rialto-kernel", "rialto-store", "rialto-jobs", "rialto-outbound"];

/// Which of our crates each of our crates may use, beyond `BASE` for domains.
fn allowed(name: &str) -> Option<Vec<&'static str>> {
    let domain = |more: &[&'static str]| Some([BASE, more].concat());
    match name {
        "rialto-kernel" | "rialto-embeddings" => Some(vec![]),
        "rialto-store" | "rialto-outbound" => Some(vec!["rialto-kernel"]),
        "rialto-jobs" => Some(vec!["rialto-kernel", "rialto-store"]),
        "rialto-identity" | "rialto-ledger" | "rialto-reputation" => domain(&[]),
        "rialto-registry" => domain(&["rialto-embeddings"]),
        "rialto-market" => domain(&["rialto-ledger"]),
        "rialto-a2a" => domain(&["rialto-registry"]),
        "rialto-proxy-billing" => domain(&["rialto-ledger", "rialto-registry", "rialto-a2a"]),
        "rialto-networks" | "rialto-coordinator" | "rialto-delivery" => domain(&["rialto-registry"]),
        "rialto-simulation" => domain(&["rialto-market", "rialto-ledger", "rialto-registry"]),
        _ => None,
    }
}

fn metadata() -> Metadata {
    MetadataCommand::new().current_dir(repository()).no_deps().other_options(vec!["--offline".into()]).exec().unwrap()
}

/// What a package needs to be built; what only its tests need does not count.
fn needs(package: &Package) -> impl Iterator<Item = &str> {
    package.dependencies.iter().filter(|needed| needed.kind != DependencyKind::Development).map(|needed| needed.name.as_str())
}

#[test]
fn dependencies_point_one_way() {
    let metadata = metadata();
    let ours: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let used = needs(package).filter(|needed| ours.contains(needed));
        let is_binary = package.manifest_path.starts_with(metadata.workspace_root.join("bins"));
        let is_crate = package.manifest_path.starts_with(metadata.workspace_root.join("crates"));
        match allowed(name) {
            Some(allowed) => {
                wrong.extend(used.filter(|needed| !allowed.contains(needed)).map(|needed| format!("{name} → {needed}")));
            }
            None if is_crate => wrong.push(format!("{name} is not in the list of this test, nor in the design")),
            None if is_binary => {}
            None => wrong.extend(used.filter(|needed| *needed == "rialto").map(|_| format!("{name} depends on the binary"))),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_the_binary_knows_http_and_only_crates_know_sql() {
    let metadata = metadata();
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let is_binary = package.manifest_path.starts_with(metadata.workspace_root.join("bins"));
        let is_crate = package.manifest_path.starts_with(metadata.workspace_root.join("crates"));
        let used: Vec<&str> = needs(package).collect();
        let server = used.iter().filter(|used| used.starts_with("actix") || used.starts_with("utoipa"));
        // The kernel's types describe themselves, behind a feature that only the binary turns on.
        wrong.extend(server.filter(|_| is_crate && name != "rialto-kernel").map(|used| format!("{name} → {used}")));
        let client = used.iter().filter(|used| ["hyper", "hyper-util", "reqwest", "awc"].contains(used));
        wrong.extend(client.filter(|_| is_crate && name != "rialto-outbound").map(|used| format!("{name} → {used}")));
        let sql = used.iter().filter(|used| ["diesel", "diesel-async", "tokio-postgres", "libsqlite3-sys"].contains(used));
        wrong.extend(sql.filter(|_| is_binary).map(|used| format!("{name} → {used}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_version_is_stated_once_in_the_workspace() {
    let mut wrong = Vec::new();
    for package in metadata().packages {
        let manifest: toml::Table = fs::read_to_string(&package.manifest_path).unwrap().parse().unwrap();
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, value) in manifest.get(section).and_then(toml::Value::as_table).into_iter().flatten() {
                let inherited = value.get("workspace").is_some();
                // A crate turns on its own testing feature for its tests.
                let itself = value.get("path").and_then(toml::Value::as_str) == Some(".");
                if !inherited && !itself {
                    wrong.push(format!("{}: {name}", package.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn cryptography_is_ring_and_nothing_else() {
    let lock: toml::Table = fs::read_to_string(repository().join("Cargo.lock")).unwrap().parse().unwrap();
    let names = lock["package"].as_array().unwrap().iter().filter_map(|package| package["name"].as_str());
    let banned = ["aws-lc", "openssl", "native-tls", "boring"];
    let found: Vec<_> = names.filter(|name| banned.iter().any(|banned| name.starts_with(banned))).collect();
    assert!(found.is_empty(), "{found:?}");
}

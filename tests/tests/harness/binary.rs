//! Finds the server's binary, and builds it when it is older than its sources.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
    time::SystemTime,
};

use cargo_metadata::Message;

/// The top of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The server's binary, up to date. `RIALTO_TEST_BINARY` names another one.
pub fn binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
        if let Some(given) = env::var_os("RIALTO_TEST_BINARY") {
            return given.into();
        }
        // This test is target/<profile>/deps/rialto-<hash>; the server lies two floors up.
        let beside = env::current_exe().unwrap().ancestors().nth(2).unwrap().join("rialto");
        if is_fresh(&beside) { beside } else { build() }
    });
    &BINARY
}

/// Whether the binary is younger than everything it was made from, which Cargo lists beside it. Asking Cargo itself would
/// build the binary for this package alone, and so most dependencies once more, with fewer features.
fn is_fresh(binary: &Path) -> bool {
    let changed = |path: &Path| -> Option<SystemTime> { fs::metadata(path).ok()?.modified().ok() };
    let sources = fs::read_to_string(binary.with_extension("d")).unwrap_or_default();
    let Some((_, sources)) = sources.split_once(": ") else { return false };
    let built = changed(binary);
    built.is_some() && sources.split_whitespace().all(|source| changed(Path::new(source)).is_some_and(|at| Some(at) <= built))
}

fn build() -> PathBuf {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--package=rialto", "--bin=rialto", "--message-format=json-render-diagnostics"])
        .current_dir(repository())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "the server does not build");
    Message::parse_stream(output.stdout.as_slice())
        .find_map(|message| match message.unwrap() {
            Message::CompilerArtifact(artifact) if artifact.target.name == "rialto" => artifact.executable,
            _ => None,
        })
        .expect("Cargo built no binary")
        .into()
}

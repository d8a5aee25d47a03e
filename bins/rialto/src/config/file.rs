//! The settings file: its keys are put in front of the command line, as the flags that they are.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::{Arg, CommandFactory};

/// Every setting's argument, as the command line knows it.
fn arguments<C: CommandFactory>() -> Vec<Arg> {
    let is_setting = |arg: &&Arg| arg.get_env().is_some_and(|name| name.to_string_lossy().starts_with("RIALTO_"));
    C::command().get_arguments().filter(is_setting).cloned().collect()
}

/// The command line with the settings file's keys put in front, as the flags that they are. What the environment has is
/// left out, because it goes before the file.
///
/// # Errors
/// A file that cannot be read or is no TOML, a key or an environment variable that is no setting: by name, with the names
/// that are.
pub fn with_file<C: CommandFactory>(line: Vec<OsString>) -> Result<Vec<OsString>, String> {
    let known = arguments::<C>();
    refuse_unknown_environment(&known)?;
    let Some((path, text)) = read_file(&line)? else { return Ok(line) };
    let table: toml::Table = text.parse().map_err(|error| broken(&path, &text, &error))?;
    let mut line = line.into_iter();
    let mut merged: Vec<OsString> = line.next().into_iter().collect();
    for (key, value) in &table {
        let flag = key.replace('_', "-");
        let Some(arg) = known.iter().find(|arg| arg.get_long() == Some(flag.as_str()) && flag != "config") else {
            return Err(format!("{}: unknown key `{key}`; the keys are: {}", path.display(), keys(&known)));
        };
        // An empty list says what the default says, and a flag cannot say it.
        let is_empty = value.as_array().is_some_and(Vec::is_empty);
        if !is_empty && arg.get_env().is_none_or(|name| env::var_os(name).is_none()) {
            merged.push(format!("--{flag}={}", plain(&path, key, value)?).into());
        }
    }
    merged.extend(line);
    Ok(merged)
}

/// What is wrong with the file, and in which line. The line itself is not shown: it may hold a secret.
fn broken(path: &Path, text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    format!("{}: line {line}: {}", path.display(), error.message())
}

fn keys(known: &[Arg]) -> String {
    let names = known.iter().filter_map(|arg| arg.get_long()).filter(|long| *long != "config").map(|long| long.replace('-', "_"));
    names.collect::<Vec<_>>().join(", ")
}

fn plain(path: &Path, key: &str, value: &toml::Value) -> Result<String, String> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Boolean(flag) => Ok(flag.to_string()),
        toml::Value::Array(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(|item| plain(path, key, item)).collect();
            Ok(items?.join(","))
        }
        _ => Err(format!("{}: `{key}` must be text, a whole number, true or false, or a list of them", path.display())),
    }
}

/// Finds the settings file: the flag, the environment, or `rialto.toml` in this folder.
fn read_file(line: &[OsString]) -> Result<Option<(PathBuf, String)>, String> {
    let words: Vec<_> = line.iter().map(|word| word.to_string_lossy()).collect();
    let flag = words.iter().enumerate().find_map(|(at, word)| match word.as_ref() {
        "--config" => words.get(at + 1).map(ToString::to_string),
        word => word.strip_prefix("--config=").map(str::to_owned),
    });
    let named = flag.map(PathBuf::from).or_else(|| env::var_os("RIALTO_CONFIG").map(PathBuf::from));
    let default = PathBuf::from("rialto.toml");
    let path = match named {
        Some(path) => path,
        None if default.exists() => default,
        None => return Ok(None),
    };
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Some((path, text)))
}

fn refuse_unknown_environment(known: &[Arg]) -> Result<(), String> {
    let names: Vec<_> = known.iter().filter_map(|arg| arg.get_env()).map(|name| name.to_string_lossy()).collect();
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        // RIALTO_TEST_… belongs to the test suite.
        if name.starts_with("RIALTO_") && !name.starts_with("RIALTO_TEST_") && !names.contains(&name) {
            return Err(format!("unknown environment variable {name}; the settings are: {}", names.join(", ")));
        }
    }
    Ok(())
}

//! The commands.

mod admin;
mod demo;
mod health;
mod ledger;
mod logging;
mod migrate;
mod openapi;
mod serve;
mod simulate;
mod stop;

use std::{error::Error, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::{self, Flags, Settings};

/// The economy server for AI agents.
///
/// Agents register and are found, are called through a paid broker, and hold double-entry wallets. Without a command,
/// `rialto` serves on 127.0.0.1:8000 with its data in ./rialto.db; the API is at /docs.
#[derive(Debug, Parser)]
#[command(name = "rialto", version, about, long_about, args_override_self = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags,
}

const EXAMPLES: &str = "\
Examples:
  rialto demo                                      see the whole thing work, in ten seconds
  rialto                                           serve on 127.0.0.1:8000, data in ./rialto.db
  rialto serve --listen 0.0.0.0:8000 --database-url postgres://rialto@db/rialto
  rialto admin create --email ada@example.com      make an administrator
  rialto ledger verify                             recompute every balance
  rialto simulate supply_shock                     watch a price rise, without a server

Settings are taken from flags, then from RIALTO_… in the environment, then from rialto.toml, then from the defaults.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API (this is what happens without a command)
    Serve,
    /// Show the main job end to end: two agents, a provider, a buyer, and the books
    Demo(demo::Args),
    /// Bring the database's schema up to date
    Migrate,
    /// Administrators
    #[command(subcommand)]
    Admin(admin::Command),
    /// The ledger
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Run a simulated economy, without a server
    Simulate(simulate::Args),
    /// Print the OpenAPI document
    Openapi,
    /// Ask a running server whether it is ready; for container health checks
    Health(health::Args),
}

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    let line = match config::with_file::<Cli>(std::env::args_os().collect()) {
        Ok(line) => line,
        Err(message) => return refuse(&message),
    };
    let matches = Cli::command().get_matches_from(line);
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let settings = Settings::from_flags(&cli.flags);
    let done = match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => logged(&cli.flags, || serve::run(&cli.flags, settings)),
        Command::Demo(args) => demo::run(&args, &cli.flags),
        Command::Migrate => block_on(migrate::run(&settings)),
        Command::Admin(command) => block_on(admin::run(&command, &cli.flags, settings)),
        Command::Ledger(command) => block_on(ledger::run(&command, &settings)),
        Command::Simulate(args) => simulate::run(&args),
        Command::Openapi => openapi::run(),
        Command::Health(args) => health::run(&args, &settings),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&error.to_string()),
    }
}

fn logged(flags: &Flags, run: impl FnOnce() -> Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let _guard = logging::start(flags.log, flags.log_level.as_deref())?;
    run()
}

#[expect(clippy::print_stderr, reason = "the user of a command reads this")]
fn refuse(message: &str) -> ExitCode {
    eprintln!("rialto: {message}");
    ExitCode::FAILURE
}

/// Runs a command that needs the network or the database.
fn block_on<T>(future: impl Future<Output = Result<T, Box<dyn Error>>>) -> Result<T, Box<dyn Error>> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}

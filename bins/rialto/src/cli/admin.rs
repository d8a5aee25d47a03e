//! `rialto admin create`: the first administrator, and the next ones.

use std::{
    error::Error,
    io::{self, BufRead, IsTerminal, Write},
};

use crate::{
    compose::{self, onboarding},
    config::{self, Flags, Settings},
};

/// What to do with administrators.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Create an administrator; the password is read from standard input
    Create(Create),
}

/// Whom to make an administrator.
#[derive(Debug, clap::Args)]
pub struct Create {
    /// The e-mail address
    #[arg(long)]
    email: String,
    /// Make an existing user of this address an administrator, and leave its password alone
    #[arg(long)]
    promote: bool,
}

/// Does what is asked.
///
/// # Errors
/// Whatever keeps it from being done, readable.
pub async fn run(command: &Command, flags: &Flags, settings: Settings) -> Result<(), Box<dyn Error>> {
    let Command::Create(create) = command;
    let secrets = config::load_secrets(flags, &settings.database_url)?;
    let app = compose::App::start(settings, secrets).await?;
    let said = if create.promote {
        onboarding::promote(&app, &create.email).await?
    } else {
        onboarding::create_admin(&app, &create.email, &password()?).await?
    };
    writeln!(io::stdout(), "{said}")?;
    Ok(())
}

/// One line of standard input. A flag would stay in the shell's history and in the process list.
fn password() -> Result<String, Box<dyn Error>> {
    if io::stdin().is_terminal() {
        write!(io::stderr(), "Password: ")?;
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']).to_owned();
    if password.is_empty() { Err("the password must not be empty: write it on standard input".into()) } else { Ok(password) }
}

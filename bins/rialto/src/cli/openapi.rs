//! `rialto openapi`: the document, to standard output.

use std::{
    error::Error,
    io::{self, Write},
};

/// Prints the document.
///
/// # Errors
/// When standard output is closed.
pub fn run() -> Result<(), Box<dyn Error>> {
    let document = crate::http::server::document().to_pretty_json()?;
    writeln!(io::stdout(), "{document}")?;
    Ok(())
}

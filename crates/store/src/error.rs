//! What can go wrong between us and the database.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// A failure of the store. Domains wrap it in one variant of their own error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A unique index refused the row; the constraint's name, where the database tells.
    #[error("a row with the same key exists ({0})")]
    Unique(String),
    /// A row that is referred to does not exist.
    #[error("a row that is referred to does not exist ({0})")]
    ForeignKey(String),
    /// A CHECK refused the row. A rule should have refused it first, so this is a defect of ours.
    #[error("a check constraint refused the row ({0})")]
    Check(String),
    /// The database asks to run the transaction again: a deadlock or a serialization failure.
    #[error("the transaction has to run again ({0})")]
    Again(String),
    /// No connection, no free connection in time, or the connection broke before `COMMIT` was sent: nothing was done.
    #[error("the database is not available ({0})")]
    Unavailable(String),
    /// The connection broke, or the server was silent, after `COMMIT` was sent, or the disk failed at SQLite's: it may have been done.
    #[error("it is not known whether this was done ({0})")]
    Unknown(String),
    /// The work took longer than a transaction may.
    #[error("the database work took too long")]
    Timeout,
    /// A row makes no sense: it was written by something else than this program, or by a newer one.
    #[error("a row makes no sense: {0}")]
    Corrupt(String),
    /// The work panicked; it was rolled back.
    #[error("the database work panicked")]
    Panicked,
    /// The schema is not one that this program can serve.
    #[error("{0}")]
    Schema(String),
    /// Anything else that the database said.
    #[error("database error: {0}")]
    Database(String),
}

impl StoreError {
    /// Whether it is about the moment and not about the work: the database was away, busy, or did not answer.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Unknown(_) | Self::Timeout | Self::Again(_))
    }

    /// Finds the store's failure in a domain's error, or in what caused it.
    #[must_use]
    pub fn find<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        let DieselError::DatabaseError(kind, info) = error else {
            return match error {
                DieselError::NotFound => Self::Corrupt("a row that must exist is missing".into()),
                DieselError::DeserializationError(inner) => Self::Corrupt(inner.to_string()),
                other => Self::Database(other.to_string()),
            };
        };
        // SQLite does not name the constraint apart from its message ("UNIQUE constraint failed: users.email_key").
        let name = info.constraint_name().unwrap_or_else(|| info.message()).to_owned();
        match kind {
            DatabaseErrorKind::UniqueViolation => Self::Unique(name),
            DatabaseErrorKind::ForeignKeyViolation => Self::ForeignKey(name),
            DatabaseErrorKind::CheckViolation => Self::Check(name),
            DatabaseErrorKind::SerializationFailure => Self::Again(info.message().to_owned()),
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
                Self::Unavailable(info.message().to_owned())
            }
            _ => from_message(info.message()),
        }
    }
}

/// What SQLite says when another process writes for too long, and PostgreSQL when it goes, is not there yet, or is full.
const AWAY: [&str; 6] = [
    "database is locked",
    "connection closed",
    "terminating connection",
    "the database system is",
    "too many clients already",
    "remaining connection slots",
];

/// Diesel has no kind for these, and drops the SQLSTATE before anybody can see it. The messages have been stable for many
/// releases, and sessions ask for English ones where they may.
fn from_message(message: &str) -> StoreError {
    let text = message.to_owned();
    if message.contains("deadlock detected") || message.contains("could not serialize access") {
        StoreError::Again(text)
    } else if message.contains("canceling statement due to") {
        StoreError::Timeout
    } else if AWAY.iter().any(|away| message.contains(away)) {
        StoreError::Unavailable(text)
    } else {
        StoreError::Database(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_goes_is_away_and_not_broken() {
        for away in [
            "terminating connection due to administrator command",
            "the database system is shutting down",
            "the database system is starting up",
            "sorry, too many clients already",
        ] {
            let error = DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(away.to_owned()));
            assert_eq!(StoreError::from(error), StoreError::Unavailable(away.to_owned()));
        }
        let late = "canceling statement due to statement timeout".to_owned();
        assert_eq!(StoreError::from(DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(late))), StoreError::Timeout);
    }
}

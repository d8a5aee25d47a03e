//! The words of the protocol, which version 1.0 shouts and version 0.3 does not.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Makes an enum whose values have a name in each version. That of 0.3 is also the databases'.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $modern:literal, $legacy:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),* }

        impl $name {
            /// The word of version 1.0.
            #[must_use]
            pub const fn modern(self) -> &'static str {
                match self { $(Self::$variant => $modern),* }
            }

            /// The word of version 0.3, and of the databases.
            #[must_use]
            pub const fn legacy(self) -> &'static str {
                match self { $(Self::$variant => $legacy),* }
            }

            /// The value with this word, of either version.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                [$(Self::$variant),*].into_iter().find(|value| value.modern() == word || value.legacy() == word)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.modern())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                let known = [$($modern),*].join(", ");
                Self::from_word(&word).ok_or_else(|| de::Error::custom(format!("must be one of {known}")))
            }
        }
    };
}

words! {
    /// Who speaks.
    Role {
        /// The client.
        User = "ROLE_USER", "user";
        /// The agent.
        Agent = "ROLE_AGENT", "agent";
    }
}

words! {
    /// How far a task has come.
    TaskState {
        /// It is taken on.
        Submitted = "TASK_STATE_SUBMITTED", "submitted";
        /// It is being worked on.
        Working = "TASK_STATE_WORKING", "working";
        /// It is done.
        Completed = "TASK_STATE_COMPLETED", "completed";
        /// It went wrong.
        Failed = "TASK_STATE_FAILED", "failed";
        /// The client did not want it any more.
        Canceled = "TASK_STATE_CANCELED", "canceled";
        /// The agent asks something.
        InputRequired = "TASK_STATE_INPUT_REQUIRED", "input-required";
        /// The agent does not take it on.
        Rejected = "TASK_STATE_REJECTED", "rejected";
        /// The agent asks for a credential.
        AuthRequired = "TASK_STATE_AUTH_REQUIRED", "auth-required";
    }
}

impl TaskState {
    /// Whether nothing follows.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Canceled | Self::Rejected)
    }

    /// Whether nothing happens until the client does something, if anything ever does.
    #[must_use]
    pub const fn is_at_rest(self) -> bool {
        self.is_terminal() || matches!(self, Self::InputRequired | Self::AuthRequired)
    }
}

/// A version of the protocol. Patches make no difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// 0.3, and whatever says nothing.
    V03,
    /// 1.0.
    V10,
}

impl Version {
    /// As clients write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V03 => "0.3",
            Self::V10 => "1.0",
        }
    }

    /// Reads the header `A2A-Version`; one that is absent or empty is 0.3. `None` is one that we do not speak.
    #[must_use]
    pub fn parse(header: Option<&str>) -> Option<Self> {
        let header = header.map(str::trim).unwrap_or_default();
        if header.is_empty() {
            return Some(Self::V03);
        }
        let mut parts = header.split('.');
        let numbers = (parts.next()?.parse::<u32>().ok()?, parts.next().unwrap_or("0").parse::<u32>().ok()?);
        let patch_is_one = parts.next().is_none_or(|patch| patch.parse::<u32>().is_ok()) && parts.next().is_none();
        match numbers {
            (0, 3) if patch_is_one => Some(Self::V03),
            (1, 0) if patch_is_one => Some(Self::V10),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_two_numbers_and_nothing_is_0_3() {
        for (header, version) in [
            (None, Some(Version::V03)),
            (Some(" "), Some(Version::V03)),
            (Some("0.3"), Some(Version::V03)),
            (Some("0.3.0"), Some(Version::V03)),
            (Some("1.0"), Some(Version::V10)),
            (Some("1"), Some(Version::V10)),
            (Some("1.0.1"), Some(Version::V10)),
            (Some("1.1"), None),
            (Some("0.2"), None),
            (Some("99.0"), None),
            (Some("1.0.x"), None),
            (Some("latest"), None),
            (Some("1.0.0.0"), None),
        ] {
            assert_eq!(Version::parse(header), version, "{header:?}");
        }
    }

    #[test]
    fn words_are_read_in_both_versions_and_written_in_the_newer() {
        let state: TaskState = serde_json::from_str("\"TASK_STATE_INPUT_REQUIRED\"").unwrap();
        assert_eq!((state, state.legacy()), (TaskState::InputRequired, "input-required"));
        assert_eq!(serde_json::to_string(&Role::User).unwrap(), "\"ROLE_USER\"");
        assert!(serde_json::from_str::<TaskState>("\"TASK_STATE_UNSPECIFIED\"").is_err());
    }
}

//! Enums whose values are words.

/// Makes an enum whose values are words, the same in the databases and in JSON. The crate that uses it depends on serde.
///
/// ```
/// rialto_kernel::words! {
///     /// How it is going.
///     Mood {
///         /// Well.
///         Good = "good",
///         /// Not so well.
///         Bad = "bad",
///     }
/// }
/// assert_eq!(Mood::from_word("bad"), Some(Mood::Bad));
/// assert_eq!(Mood::Good.as_str(), "good");
/// ```
#[macro_export]
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),* }

        impl $name {
            /// The word that databases and clients see.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// The value with this word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                [$(Self::$variant),*].into_iter().find(|value| value.as_str() == word)
            }
        }
    };
}

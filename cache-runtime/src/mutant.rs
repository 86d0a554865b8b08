//! Off-switches of single protocol rules: the checker must notice each of them. Test-only.

/// A rule that a cache under test breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// The expected id and the stamps are read after the load instead of before it.
    StampsAfterLoad,
    /// The value is stored by a plain `SET`, whatever the entry holds.
    PlainSet,
    /// A caller joins any flight of the key, whatever he observed.
    NaiveJoin,
    /// The history of the server is not looked at.
    NoHistory,
}

//! What came of it.

use super::{By, Line, Movement};

/// A line and the movement that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The line.
    pub line: Line,
    /// The movement.
    pub ours: Movement,
    /// How it was found.
    pub by: By,
}

/// A line and a movement with the same reference and another amount, or a date outside of the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Different {
    /// The line.
    pub line: Line,
    /// The movement.
    pub ours: Movement,
    /// What they have in common.
    pub by: By,
    /// Whether the amounts differ.
    pub amount: bool,
    /// Whether the dates are farther apart than they may be.
    pub date: bool,
}

/// Lines and movements of which some may be the same, but nothing says which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ambiguous {
    /// The lines.
    pub lines: Vec<Line>,
    /// The movements.
    pub ours: Vec<Movement>,
    /// What they have in common.
    pub by: By,
}

/// How many, and how much they come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    /// How many.
    pub count: usize,
    /// What they come to, in minor units.
    pub amount: i128,
}

impl Total {
    /// Of these amounts.
    pub fn of(amounts: impl Iterator<Item = i64>) -> Self {
        amounts.fold(Self::default(), |sum, amount| Self { count: sum.count + 1, amount: sum.amount + i128::from(amount) })
    }
}

/// Where every line and every movement ended. Each list is in the order of the lines' dates, or of ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The same on both sides.
    pub matched: Vec<Matched>,
    /// The same reference, other figures.
    pub different: Vec<Different>,
    /// Lines that we have nothing for.
    pub missing_here: Vec<Line>,
    /// Movements that the list does not have.
    pub missing_there: Vec<Movement>,
    /// Lines that say again what another line says.
    pub duplicates: Vec<Line>,
    /// What nobody can tell.
    pub ambiguous: Vec<Ambiguous>,
}

impl Report {
    /// Whether everything matches.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.different.is_empty()
            && self.missing_here.is_empty()
            && self.missing_there.is_empty()
            && self.duplicates.is_empty()
            && self.ambiguous.is_empty()
    }

    pub(super) fn sort(&mut self) {
        let line = |line: &Line| (line.at, line.number);
        self.matched.sort_by_key(|matched| line(&matched.line));
        self.different.sort_by_key(|different| line(&different.line));
        self.missing_here.sort_by_key(line);
        self.duplicates.sort_by_key(line);
        self.missing_there.sort();
        for group in &mut self.ambiguous {
            group.lines.sort_by_key(line);
            group.ours.sort();
        }
        self.ambiguous.sort_by_key(|group| group.lines.first().map(line));
    }
}

//! The rules, in their order.

use std::collections::HashMap;

use super::{
    Ambiguous, By, Different, Line, Matched, Movement, Report, Rules,
    pairing::{Member, pair},
};

/// Lines and movements with one reference.
#[derive(Default)]
struct Group {
    by: Option<By>,
    lines: Vec<usize>,
    ours: Vec<usize>,
}

/// Compares the movements of an account with a list that somebody else keeps of them, by the rules of [this
/// module](crate::reconcile). If any line has no date, dates say nothing.
#[must_use]
pub fn reconcile(ours: &[Movement], theirs: &[Line], rules: Rules) -> Report {
    let mut run = Run::new(ours, theirs, rules);
    let (mut pool_lines, mut pool_ours) = (Vec::new(), Vec::new());
    let ids: Vec<String> = ours.iter().map(|movement| movement.transfer.to_string()).collect();
    let mut groups: HashMap<&str, Group> = HashMap::new();
    for (index, line) in theirs.iter().enumerate() {
        match word(line.reference.as_deref()) {
            Some(reference) => groups.entry(reference).or_default().lines.push(index),
            None => pool_lines.push(index),
        }
    }
    let keys: Vec<_> = ours.iter().zip(&ids).map(|(movement, id)| keys(movement, id)).collect();
    for (by, key) in keys.iter().flatten() {
        if let Some(group) = key.and_then(|key| groups.get_mut(key)) {
            group.by = Some(group.by.map_or(*by, |known| known.min(*by)));
        }
    }
    for (index, keys) in keys.iter().enumerate() {
        let mut in_order = keys.iter();
        let own = in_order.find_map(|(by, key)| key.filter(|key| groups.get(key).is_some_and(|group| group.by == Some(*by))));
        match own.and_then(|key| groups.get_mut(key)) {
            Some(group) => group.ours.push(index),
            None => pool_ours.push(index),
        }
    }
    // The order decides nothing; it only makes two runs alike.
    let mut groups: Vec<(&str, Group)> = groups.into_iter().collect();
    groups.sort_unstable_by_key(|(reference, _)| *reference);
    for (_, group) in groups {
        match group.by {
            Some(by) => pool_ours.extend(run.by_reference(by, group)),
            None => pool_lines.extend(run.without_duplicates(group.lines, |_| 1)),
        }
    }
    run.by_amount(pool_lines, pool_ours);
    run.report.sort();
    run.report
}

/// A text that says something.
fn word(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn keys<'a>(movement: &'a Movement, id: &'a str) -> [(By, Option<&'a str>); 4] {
    [
        (By::TransferId, Some(id)),
        (By::Reference, word(movement.reference.as_deref())),
        (By::ExternalId, word(movement.external_id.as_deref())),
        (By::Memo, word(movement.memo.as_deref())),
    ]
}

struct Run<'a> {
    ours: &'a [Movement],
    theirs: &'a [Line],
    rules: Rules,
    dated: bool,
    report: Report,
}

#[expect(clippy::indexing_slicing, reason = "every index is one of the two lists that the run was made for")]
impl<'a> Run<'a> {
    fn new(ours: &'a [Movement], theirs: &'a [Line], rules: Rules) -> Self {
        let dated = theirs.iter().all(|line| line.at.is_some());
        Self { ours, theirs, rules, dated, report: Report::default() }
    }

    fn place_of_line(&self, line: usize) -> i64 {
        let at = self.theirs[line].at.filter(|_| self.dated);
        at.map_or(0, |at| self.rules.place(at))
    }

    fn place_of_own(&self, own: usize) -> i64 {
        if self.dated { self.rules.place(self.ours[own].at) } else { 0 }
    }

    fn is_within(&self, line: usize, own: usize) -> bool {
        self.place_of_line(line).abs_diff(self.place_of_own(own)) <= self.rules.window().unsigned_abs()
    }

    /// Lines by amount and date, then by all else that they say: their numbers decide only between lines that say the same.
    fn sort_lines(&self, lines: &mut [usize]) {
        let key = |line: usize| {
            let said = &self.theirs[line];
            (said.amount, self.place_of_line(line), said.at, said.reference.as_deref(), said.number)
        };
        lines.sort_unstable_by(|one, other| key(*one).cmp(&key(*other)));
    }

    fn sort_ours(&self, ours: &mut [usize]) {
        ours.sort_unstable_by_key(|own| {
            (self.ours[*own].amount, self.place_of_own(*own), self.ours[*own].at, self.ours[*own].seq)
        });
    }

    /// Takes those of lines with one reference out that say what another says, beyond as many as there may be of that amount.
    fn without_duplicates(&mut self, mut lines: Vec<usize>, allowed: impl Fn(i64) -> usize) -> Vec<usize> {
        self.sort_lines(&mut lines);
        let mut kept = Vec::with_capacity(lines.len());
        let same = |one: &usize, other: &usize| {
            (self.theirs[*one].amount, self.place_of_line(*one)) == (self.theirs[*other].amount, self.place_of_line(*other))
        };
        let mut duplicates = Vec::new();
        for equals in lines.chunk_by(same) {
            let most = equals.first().map_or(1, |first| allowed(self.theirs[*first].amount).max(1));
            let (first, rest) = equals.split_at(most.min(equals.len()));
            kept.extend_from_slice(first);
            duplicates.extend(rest.iter().map(|line| self.theirs[*line].clone()));
        }
        self.report.duplicates.extend(duplicates);
        kept
    }

    /// Rule 1. What comes back is left for rule 2.
    fn by_reference(&mut self, by: By, group: Group) -> Vec<usize> {
        let mut of_amount: HashMap<i64, usize> = HashMap::new();
        for own in &group.ours {
            *of_amount.entry(self.ours[*own].amount).or_default() += 1;
        }
        let lines = self.without_duplicates(group.lines, |amount| of_amount.get(&amount).copied().unwrap_or_default());
        let (lines, ours) = self.pair_amounts(by, lines, group.ours, i64::MAX);
        match (lines.as_slice(), ours.as_slice()) {
            (_, []) => self.report.missing_here.extend(lines.iter().map(|line| self.theirs[*line].clone())),
            ([], _) => return ours,
            ([line], [own]) => self.differ(by, *line, *own),
            _ => self.cannot_tell(by, &lines, &ours),
        }
        Vec::new()
    }

    /// Rule 2.
    fn by_amount(&mut self, lines: Vec<usize>, ours: Vec<usize>) {
        let (lines, ours) = self.pair_amounts(By::AmountAndDate, lines, ours, self.rules.window());
        self.report.missing_here.extend(lines.into_iter().map(|line| self.theirs[line].clone()));
        self.report.missing_there.extend(ours.into_iter().map(|own| self.ours[own].clone()));
    }

    /// Rule 3 for each amount. What is left comes back.
    fn pair_amounts(&mut self, by: By, mut lines: Vec<usize>, mut ours: Vec<usize>, window: i64) -> (Vec<usize>, Vec<usize>) {
        self.sort_lines(&mut lines);
        self.sort_ours(&mut ours);
        let (mut lines_left, mut ours_left) = (Vec::new(), Vec::new());
        let mut own_amounts = ours.chunk_by(|one, other| self.ours[*one].amount == self.ours[*other].amount).peekable();
        let mut pairings = Vec::new();
        for line_amount in lines.chunk_by(|one, other| self.theirs[*one].amount == self.theirs[*other].amount) {
            let amount = line_amount.first().map(|line| self.theirs[*line].amount);
            while let Some(lower) = own_amounts.next_if(|chunk| chunk.first().map(|own| self.ours[*own].amount) < amount) {
                ours_left.extend_from_slice(lower);
            }
            match own_amounts.next_if(|chunk| chunk.first().map(|own| self.ours[*own].amount) == amount) {
                None => lines_left.extend_from_slice(line_amount),
                Some(own_amount) => {
                    let lines: Vec<Member> = line_amount.iter().map(|line| (self.place_of_line(*line), *line)).collect();
                    let ours: Vec<Member> = own_amount.iter().map(|own| (self.place_of_own(*own), *own)).collect();
                    pairings.push(pair(&lines, &ours, window));
                }
            }
        }
        ours_left.extend(own_amounts.flatten());
        for pairing in pairings {
            for (line, own) in pairing.pairs {
                if self.is_within(line, own) {
                    let matched = Matched { line: self.theirs[line].clone(), ours: self.ours[own].clone(), by };
                    self.report.matched.push(matched);
                } else {
                    self.differ(by, line, own);
                }
            }
            for (lines, ours) in pairing.ambiguous {
                self.cannot_tell(by, &lines, &ours);
            }
            lines_left.extend(pairing.lines);
            ours_left.extend(pairing.ours);
        }
        (lines_left, ours_left)
    }

    fn differ(&mut self, by: By, line: usize, own: usize) {
        let date = !self.is_within(line, own);
        let (line, ours) = (self.theirs[line].clone(), self.ours[own].clone());
        let amount = line.amount != ours.amount;
        self.report.different.push(Different { line, ours, by, amount, date });
    }

    fn cannot_tell(&mut self, by: By, lines: &[usize], ours: &[usize]) {
        let lines = lines.iter().map(|line| self.theirs[*line].clone()).collect();
        let ours = ours.iter().map(|own| self.ours[*own].clone()).collect();
        self.report.ambiguous.push(Ambiguous { lines, ours, by });
    }
}

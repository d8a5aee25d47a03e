//! What the seals say.

use std::collections::VecDeque;

use rialto_kernel::AccountId;

use super::{JournalRow, Stored, Wrong};
use crate::seal::{Anchor, Found, RangeHash, Seal, SealHash, bytes, compare};

/// Goes along the chain beside the journal, and keeps the first thing that was wrong, with its place.
pub(super) struct SealedRanges {
    anchors: Vec<Anchor>,
    /// The last seal that counts, and the last one that was read.
    head: i64,
    read: i64,
    /// Seals that were read and whose ranges are not done. The first one's is under way.
    waiting: VecDeque<Seal>,
    range: Option<Range>,
    /// The seal before the first of those.
    previous: Previous,
    covered: u64,
    /// The first seal that cannot be read. What lies behind it hangs on nothing.
    unreadable: Option<i64>,
    wrong: Option<(i64, Wrong)>,
}

struct Previous {
    no: i64,
    hash: SealHash,
    last_no: i64,
}

/// What was found of the range that is under way.
struct Range {
    hash: RangeHash,
    rows: Vec<Found>,
}

impl SealedRanges {
    pub(super) fn new(head: Option<&Stored<Seal>>, anchors: &[Anchor]) -> Self {
        let head = head.map_or(0, |head| match head {
            Stored::Row(seal) => seal.no,
            Stored::Unreadable(no) => *no,
        });
        Self {
            anchors: anchors.to_vec(),
            head,
            read: 0,
            waiting: VecDeque::new(),
            range: None,
            previous: Previous { no: 0, hash: SealHash::ZERO, last_no: 0 },
            covered: 0,
            unreadable: None,
            wrong: None,
        }
    }

    pub(super) const fn is_done(&self) -> bool {
        self.wrong.is_some()
    }

    /// How many of the transfers so far were in sealed ranges.
    pub(super) const fn covered(&self) -> u64 {
        self.covered
    }

    /// Which seals it has to be given (after, up to) before rows up to `at` can be checked.
    pub(super) fn wants(&self, at: i64) -> Option<(i64, i64)> {
        let reaches = self.waiting.back().is_some_and(|seal| seal.last_no >= at);
        (self.wrong.is_none() && !reaches && self.read < self.head).then_some((self.read, self.head))
    }

    /// Takes the next seals.
    pub(super) fn take(&mut self, seals: Vec<Stored<Seal>>) {
        // None left: the chain's end was taken out since, or it has a hole there. Either shows as a missing number.
        let mut read = self.head;
        for seal in seals {
            match seal {
                Stored::Row(seal) => {
                    read = seal.no;
                    self.waiting.push_back(seal);
                }
                Stored::Unreadable(no) => {
                    self.unreadable = Some(no);
                    read = self.head;
                    break;
                }
            }
        }
        self.read = read;
    }

    /// Takes the number of a row that cannot be read.
    pub(super) fn unreadable(&mut self, no: i64) {
        self.close_before(no);
        if !self.waiting.is_empty() {
            // Neither can it be said what seals it.
            self.wrong.get_or_insert((no, Wrong::Unreadable { table: "ledger_transfers", no }));
        }
    }

    /// Takes the next row.
    pub(super) fn check(&mut self, row: &JournalRow, account: impl Fn(i64) -> Option<AccountId>) {
        self.close_before(row.no);
        let Some(seal) = self.waiting.front() else { return };
        if self.wrong.is_some() {
            return;
        }
        let bytes = bytes(row, account(row.debit.account_no), account(row.credit.account_no));
        let range = self.range.get_or_insert_with(|| Range { hash: RangeHash::new(seal.header()), rows: Vec::new() });
        let digest = range.hash.add(&bytes);
        self.covered += 1;
        // One too many is enough to show that there are too many.
        if range.rows.len() <= seal.digests.len() {
            range.rows.push(Found { no: row.no, transfer: row.transfer, digest });
        }
    }

    /// Ends the ranges that end before `no`.
    fn close_before(&mut self, no: i64) {
        while self.wrong.is_none()
            && let Some(seal) = self.waiting.pop_front_if(|seal| seal.last_no < no)
        {
            self.close(&seal);
        }
    }

    fn close(&mut self, seal: &Seal) {
        let range = self.range.take().unwrap_or_else(|| Range { hash: RangeHash::new(seal.header()), rows: Vec::new() });
        let place = seal.first_no.min(self.previous.last_no.saturating_add(1));
        let anchor = self.anchors.iter().find(|anchor| anchor.no == seal.no && anchor.hash != seal.hash);
        self.wrong = if seal.no != self.previous.no + 1 {
            Some((place, Wrong::SealMissing(self.previous.no + 1)))
        } else if seal.previous != self.previous.hash {
            let (expected, found) = (self.previous.hash, seal.previous);
            Some((place, Wrong::Link { no: seal.no, expected, found }))
        } else {
            compare(seal, &range.rows, range.hash.finish()).or_else(|| {
                let anchor = anchor?;
                Some((place, Wrong::Anchor { no: seal.no, expected: anchor.hash, found: Some(seal.hash) }))
            })
        };
        self.previous = Previous { no: seal.no, hash: seal.hash, last_no: seal.last_no };
    }

    /// The first thing that is wrong, and its place.
    pub(super) fn finish(mut self) -> Option<(i64, Wrong)> {
        self.close_before(i64::MAX);
        if let Some(no) = self.unreadable {
            let place = self.previous.last_no.saturating_add(1);
            self.wrong.get_or_insert((place, Wrong::Unreadable { table: "ledger_seals", no }));
        }
        let gone = |anchor: &&Anchor| anchor.no > self.previous.no;
        let cut = || self.anchors.iter().filter(gone).min_by_key(|anchor| anchor.no);
        self.wrong.or_else(|| {
            let anchor = cut()?;
            let place = self.previous.last_no.saturating_add(1);
            Some((place, Wrong::Anchor { no: anchor.no, expected: anchor.hash, found: None }))
        })
    }
}

//! The chain: what a seal's hash is the hash of, and what in its range is not as it was.

use rialto_kernel::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{Digest, SealHash};
use crate::{model::TransferId, verify::Wrong};

/// Says what is hashed here, so that no hash of something else is ever taken for a seal.
const DOMAIN: &[u8] = b"rialto ledger seal 1\0";

/// A seal: a statement that a range of the journal was just so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Its place in the chain, from 1.
    pub no: i64,
    /// The number of the first transfer that it covers.
    pub first_no: i64,
    /// The number of the last one. The range begins right behind the last one of the seal before, and the first
    /// range with the lowest number there can be: no other transfer may stand in between.
    pub last_no: i64,
    /// Eight bytes of each transfer's hash, in the order of the numbers.
    pub digests: Vec<Digest>,
    /// The hash of the seal before; zeros for the first.
    pub previous: SealHash,
    /// The hash of all that it covers, and of the seal before.
    pub hash: SealHash,
    /// When it was made.
    pub sealed_at: Timestamp,
}

/// What is said about a range before its transfers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) previous: SealHash,
    pub(crate) no: i64,
    pub(crate) first_no: i64,
    pub(crate) last_no: i64,
    pub(crate) transfers: i64,
    pub(crate) sealed_at: Timestamp,
}

impl Seal {
    /// How many transfers it covers.
    #[must_use]
    pub fn transfers(&self) -> i64 {
        i64::try_from(self.digests.len()).unwrap_or(i64::MAX)
    }

    pub(crate) fn header(&self) -> Header {
        let Self { no, first_no, last_no, previous, sealed_at, .. } = *self;
        Header { previous, no, first_no, last_no, transfers: self.transfers(), sealed_at }
    }
}

/// Hashes a range: SHA-256 of the domain, the previous hash, then the seal's number, the first and the last number, the
/// count and the time of sealing, each as eight bytes, then each transfer's [bytes](super::canonical), each behind its
/// length as eight bytes.
pub(crate) struct RangeHash {
    hash: Sha256,
}

impl RangeHash {
    pub(crate) fn new(header: Header) -> Self {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        hash.update(header.previous.0);
        for number in [header.no, header.first_no, header.last_no, header.transfers, header.sealed_at.micros()] {
            hash.update(number.to_be_bytes());
        }
        Self { hash }
    }

    /// Takes the next transfer in, and gives its digest.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> Digest {
        self.hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.hash.update(bytes);
        let whole: [u8; 32] = Sha256::digest(bytes).into();
        let [a, b, c, d, e, f, g, h, ..] = whole;
        Digest([a, b, c, d, e, f, g, h])
    }

    pub(crate) fn finish(self) -> SealHash {
        SealHash(self.hash.finalize().into())
    }
}

/// A transfer that was found in the range of a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) no: i64,
    pub(crate) transfer: TransferId,
    pub(crate) digest: Digest,
}

/// The first thing in the range of `seal` that is not as it was, and its place; `hash` is the hash of what was found.
pub(crate) fn compare(seal: &Seal, found: &[Found], hash: SealHash) -> Option<(i64, Wrong)> {
    let same = found.iter().map(|row| &row.digest).eq(&seal.digests);
    if hash == seal.hash {
        return (!same).then_some((seal.first_no, Wrong::Digests { no: seal.no }));
    }
    if same {
        return Some((seal.first_no, Wrong::Seal { no: seal.no, expected: hash, found: seal.hash }));
    }
    let equal = found.iter().zip(&seal.digests).take_while(|(row, digest)| row.digest == **digest).count();
    let rest = (found.get(equal..).unwrap_or_default(), seal.digests.get(equal..).unwrap_or_default());
    let extra = |row: &Found| Wrong::Extra { transfer: row.transfer, no: row.no, seal: seal.no, found: row.digest };
    let after = equal.checked_sub(1).and_then(|before| found.get(before)).map(|row| row.transfer);
    let missing = |expected: Digest, before: Option<&Found>| {
        let before_id = before.map(|row| row.transfer);
        let place = before.map_or(seal.last_no, |row| row.no.saturating_sub(1));
        (place, Wrong::Missing { expected, seal: seal.no, after, before: before_id })
    };
    match rest {
        ([], []) => None,
        ([], [expected, ..]) => Some(missing(*expected, None)),
        ([row, ..], []) => Some((row.no, extra(row))),
        ([row, rows @ ..], [expected, digests @ ..]) => {
            if digests.contains(&row.digest) {
                Some(missing(*expected, Some(row)))
            } else if rows.iter().any(|later| later.digest == *expected) {
                Some((row.no, extra(row)))
            } else {
                let changed =
                    Wrong::Changed { transfer: row.transfer, no: row.no, seal: seal.no, expected: *expected, found: row.digest };
                Some((row.no, changed))
            }
        }
    }
}

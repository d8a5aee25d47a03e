//! What is next in a lane.

use std::collections::{HashMap, HashSet};

use rialto_jobs::lanes::Lease;
use rialto_kernel::{Id, Timestamp};
use rialto_registry::{CipherError, CredentialCipher};
use rialto_store::{StoreError, Tx};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::send::Target;
use crate::{
    model::WebhookId,
    store::{Aim, LaneStore, Parcel, ParcelStore, Waiting, WebhookStore},
};

/// Among how many first attempts it is looked for such as need not wait for another one.
const WINDOW: u32 = 64;
/// Why nothing can be sent any more that is signed with a secret that is broken.
const BROKEN: &str = "the webhook's secret cannot be read: replace it by rotate-secret, then replay";

/// What is on its way in a lane, by its place, and of what subject it is the first attempt.
pub(super) type InHand = HashMap<i64, Option<String>>;

/// What is next in a lane.
pub(super) enum Next {
    /// To be sent, perhaps nothing.
    Send(Target, Vec<(Parcel, Option<String>)>),
    /// What can never be sent, and why.
    Dead(Vec<(i64, String)>),
    /// The webhook is switched off, or gone.
    Cancel,
    /// Its secret is encrypted with a key that this server does not have: nothing goes out unsigned.
    Sealed,
    /// The lane is another courier's.
    NotMine,
}

/// Finds out what is next in a lane, for `free` places.
pub(super) async fn find_next(
    tx: &mut Tx,
    cipher: &CredentialCipher,
    (id, lease): (WebhookId, Id<Lease>),
    in_hand: &InHand,
    free: usize,
    now: Timestamp,
) -> Result<Next, StoreError> {
    let url = match tx.find_aim(id, lease, now).await? {
        None => return Ok(Next::NotMine),
        Some(Aim::Off) => return Ok(Next::Cancel),
        Some(Aim::At(url)) => url,
    };
    let held = u32::try_from(in_hand.len()).unwrap_or(u32::MAX);
    let places = u32::try_from(free).unwrap_or(u32::MAX);
    let mut waiting = tx.list_again(id, now, places.saturating_add(held)).await?;
    waiting.extend(tx.list_first(id, now, WINDOW.saturating_add(held)).await?);
    let mut chosen = choose(waiting, in_hand, free);
    if chosen.is_empty() {
        return Ok(Next::Send(Target { url, secrets: Vec::new() }, Vec::new()));
    }
    let seqs: Vec<i64> = chosen.keys().copied().collect();
    let secrets = match open(tx, cipher, id, now).await? {
        Ok(secrets) => secrets,
        Err(CipherError::UnknownKey(_)) => return Ok(Next::Sealed),
        Err(_) => return Ok(Next::Dead(seqs.into_iter().map(|seq| (seq, BROKEN.to_owned())).collect())),
    };
    let (parcels, dead) = take_out(tx, &seqs).await?;
    if !dead.is_empty() {
        return Ok(Next::Dead(dead));
    }
    let with_subject = |parcel: Parcel| {
        let first_of = chosen.remove(&parcel.seq).flatten();
        (parcel, first_of)
    };
    Ok(Next::Send(Target { url, secrets }, parcels.into_iter().map(with_subject).collect()))
}

/// The secrets that sign now, the one in force first.
async fn open(
    tx: &mut Tx,
    cipher: &CredentialCipher,
    id: WebhookId,
    now: Timestamp,
) -> Result<Result<Vec<Zeroizing<String>>, CipherError>, StoreError> {
    let mut sealed = tx.list_secrets(id, now).await?.into_iter();
    let Some((in_force, _)) = sealed.next() else { return Ok(Err(CipherError::Tampered)) };
    Ok(cipher.open(id, &in_force).map(|first| {
        // One before it that cannot be opened any more is no reason not to sign with the others.
        [first].into_iter().chain(sealed.filter_map(|(sealed, _)| cipher.open(id, &sealed).ok())).collect()
    }))
}

/// These parcels, and those that make no sense: one of them is no reason not to send the others.
async fn take_out(tx: &mut Tx, seqs: &[i64]) -> Result<(Vec<Parcel>, Vec<(i64, String)>), StoreError> {
    let (mut parcels, mut dead) = (Vec::new(), Vec::new());
    match tx.list_parcels(seqs).await {
        Err(StoreError::Corrupt(_)) => {
            for seq in seqs {
                match tx.list_parcels(&[*seq]).await {
                    Ok(found) => parcels.extend(found),
                    Err(StoreError::Corrupt(_)) => dead.push((*seq, "the delivery cannot be read".to_owned())),
                    Err(error) => return Err(error),
                }
            }
        }
        found => parcels = found?,
    }
    parcels.retain(|parcel| match serde_json::from_str::<&RawValue>(&parcel.body) {
        Ok(_) => true,
        Err(_) => {
            dead.push((parcel.seq, "what was to be sent is not JSON".to_owned()));
            false
        }
    });
    Ok((parcels, dead))
}

/// What is sent now of what waits, in order: a first attempt waits for another one of its subject, and whatever is sent again waits
/// for nobody.
fn choose(mut waiting: Vec<Waiting>, in_hand: &InHand, free: usize) -> HashMap<i64, Option<String>> {
    waiting.sort_unstable_by_key(|one| one.seq);
    let mut busy: HashSet<String> = in_hand.values().flatten().cloned().collect();
    let mut chosen = HashMap::new();
    for Waiting { seq, first_of } in waiting {
        if chosen.len() >= free {
            break;
        }
        let is_free = first_of.as_ref().is_none_or(|subject| !busy.contains(subject));
        if is_free && !in_hand.contains_key(&seq) {
            busy.extend(first_of.clone());
            chosen.insert(seq, first_of);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(seq: i64, first_of: Option<&str>) -> Waiting {
        Waiting { seq, first_of: first_of.map(str::to_owned) }
    }

    fn chosen(waiting: &[Waiting], in_hand: &InHand, free: usize) -> Vec<i64> {
        let mut seqs: Vec<i64> = choose(waiting.to_vec(), in_hand, free).into_keys().collect();
        seqs.sort_unstable();
        seqs
    }

    #[test]
    fn first_attempts_of_one_subject_wait_for_each_other() {
        let all = [
            waiting(6, None),
            waiting(1, None),
            waiting(2, Some("one")),
            waiting(3, Some("other")),
            waiting(4, Some("one")),
            waiting(5, Some("third")),
        ];
        assert_eq!(chosen(&all, &InHand::new(), 9), [1, 2, 3, 5, 6]);
        assert_eq!(chosen(&all, &InHand::new(), 2), [1, 2]);
        assert_eq!(chosen(&all, &InHand::new(), 0), [0; 0]);
        // Another one of the subject is on its way, and so is what is sent again.
        let in_hand = InHand::from([(1, None), (2, Some("one".to_owned()))]);
        assert_eq!(chosen(&all, &in_hand, 2), [3, 5]);
        // What is sent again holds nobody up.
        assert_eq!(chosen(&all, &InHand::from([(9, None)]), 2), [1, 2]);
    }
}

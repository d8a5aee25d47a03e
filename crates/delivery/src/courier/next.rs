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

/// Among how many first attempts it is looked at once for such as need not wait for another one.
const WINDOW: u32 = 64;

/// What is on its way in a lane, by its place, and of what subject it is the first attempt.
pub(super) type InHand = HashMap<i64, Option<String>>;

/// What is next in a lane.
pub(super) enum Next {
    /// To be sent, perhaps nothing.
    Send(Target, Vec<(Parcel, Option<String>)>),
    /// What can never be sent, and why.
    Dead(Vec<(i64, String)>),
    /// Its secret cannot be read: nothing that is pending can ever be sent.
    Broken,
    /// The webhook is switched off, or gone.
    Cancel,
    /// Its secret is encrypted with a key that this server does not have: nothing goes out unsigned.
    Sealed,
    /// The lease has ended by the clock, and nobody has taken it yet.
    Ended,
    /// The lane is another courier's.
    NotMine,
}

/// What signs for a webhook.
pub(super) enum Signing {
    /// These secrets, the one in force first.
    With(Vec<Zeroizing<String>>),
    /// Its secret is encrypted with a key that is not here.
    Sealed,
    /// Its secret cannot be read.
    Broken,
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
        Some(Aim::Ended) => return Ok(Next::Ended),
        Some(Aim::At(url)) => url,
    };
    let mut chosen = look(tx, id, in_hand, free, now).await?;
    if chosen.is_empty() {
        return Ok(Next::Send(Target { url, secrets: Vec::new() }, Vec::new()));
    }
    let seqs: Vec<i64> = chosen.keys().copied().collect();
    let secrets = match signing(tx, cipher, id, now).await? {
        Signing::With(secrets) => secrets,
        Signing::Sealed => return Ok(Next::Sealed),
        Signing::Broken => return Ok(Next::Broken),
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

/// What may be sent now, for `free` places.
async fn look(
    tx: &mut Tx,
    id: WebhookId,
    in_hand: &InHand,
    free: usize,
    now: Timestamp,
) -> Result<HashMap<i64, Option<String>>, StoreError> {
    let many = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let mut waiting = tx.list_again(id, now, many(free.saturating_add(in_hand.len()))).await?;
    // Subjects of which one is on its way, or will be: whatever else waits of them is passed over.
    let mut busy: HashSet<String> = in_hand.values().flatten().cloned().collect();
    loop {
        let passed_over: Vec<String> = busy.iter().cloned().collect();
        let first = tx.list_first(id, now, &passed_over, WINDOW).await?;
        let is_all = many(first.len()) < WINDOW;
        busy.extend(first.iter().filter_map(|one| one.first_of.clone()));
        waiting.extend(first);
        let chosen = choose(&mut waiting, in_hand, free);
        // Each further look brings a subject that was not seen yet.
        if is_all || chosen.len() >= free {
            return Ok(chosen);
        }
    }
}

/// What signs for a webhook now.
pub(super) async fn signing(
    tx: &mut Tx,
    cipher: &CredentialCipher,
    id: WebhookId,
    now: Timestamp,
) -> Result<Signing, StoreError> {
    let mut sealed = tx.list_secrets(id, now).await?.into_iter();
    let Some((in_force, _)) = sealed.next() else { return Ok(Signing::Broken) };
    Ok(match cipher.open(id, &in_force) {
        // One before it that cannot be opened any more is no reason not to sign with the others.
        Ok(first) => {
            Signing::With([first].into_iter().chain(sealed.filter_map(|(sealed, _)| cipher.open(id, &sealed).ok())).collect())
        }
        Err(CipherError::UnknownKey(_)) => Signing::Sealed,
        Err(_) => Signing::Broken,
    })
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
fn choose(waiting: &mut [Waiting], in_hand: &InHand, free: usize) -> HashMap<i64, Option<String>> {
    waiting.sort_unstable_by_key(|one| one.seq);
    let mut busy: HashSet<String> = in_hand.values().flatten().cloned().collect();
    let mut chosen = HashMap::new();
    for Waiting { seq, first_of } in waiting.iter() {
        if chosen.len() >= free {
            break;
        }
        let is_free = first_of.as_ref().is_none_or(|subject| !busy.contains(subject));
        if is_free && !in_hand.contains_key(seq) {
            busy.extend(first_of.clone());
            chosen.insert(*seq, first_of.clone());
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
        let mut seqs: Vec<i64> = choose(&mut waiting.to_vec(), in_hand, free).into_keys().collect();
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

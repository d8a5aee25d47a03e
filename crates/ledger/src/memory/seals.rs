//! Seals in memory.

use rialto_store::StoreError;

use super::{MemoryTx, state::Undo};
use crate::{
    seal::{Horizon, Seal, SealStore},
    store::LedgerStore,
    verify::Stored,
};

impl SealStore for MemoryTx {
    async fn last_seal(&mut self) -> Result<Option<Stored<Seal>>, StoreError> {
        Ok(self.state.seals.last().cloned().map(Stored::Row))
    }

    async fn list_seals(&mut self, no: i64, last: i64, limit: u32) -> Result<Vec<Stored<Seal>>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let seals = self.state.seals.iter().filter(|seal| seal.no > no && seal.no <= last).take(limit);
        Ok(seals.cloned().map(Stored::Row).collect())
    }

    async fn insert_seal(&mut self, seal: &Seal) -> Result<bool, StoreError> {
        let seals = &mut self.writable()?.seals;
        // They are only ever added at the end.
        let next = i64::try_from(seals.len()).unwrap_or(i64::MAX).saturating_add(1);
        if seal.no != next {
            return Ok(false);
        }
        seals.push(seal.clone());
        self.undo.push(Undo::Sealed);
        Ok(true)
    }

    /// One piece of work runs at a time: nobody is about to write below.
    async fn journal_horizon(&mut self) -> Result<Horizon, StoreError> {
        Ok(Horizon { last_no: self.newest_transfer_no().await?, writers: Vec::new() })
    }

    async fn writers_left(&mut self, _writers: &[String]) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
}

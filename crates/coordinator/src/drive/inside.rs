//! Driving runs that are inside of others.

use std::sync::Arc;

use rialto_store::Tx;

use super::{Coordinator, Run, Went};
use crate::{
    definition::Action,
    error::CoordinatorError,
    model::ExecutionId,
    store::TreeStore,
    tree::{self, INSIDE_MAX, Tree},
};

impl Coordinator {
    /// What bounds the runs inside of this one.
    pub(super) async fn tree(&self, root: ExecutionId) -> Result<Arc<Tree>, CoordinatorError> {
        let inside = self.inner.db.read(async move |tx: &mut Tx| tx.count_inside(root, INSIDE_MAX).await).await?;
        Ok(Arc::new(Tree::new(root, inside)))
    }

    /// Does the next thing of one step, as soon as it is its turn: so many runs are driven inside of one at once.
    pub(super) async fn step_in_turn(&self, run: &Arc<Run>, place: usize) -> Result<Went, CoordinatorError> {
        let is_run = run.definition.steps.get(place).is_some_and(|step| matches!(step.action, Action::SubWorkflow(_)));
        let _turn = if is_run { run.tree.enter(run.depth).await } else { None };
        self.step(run, place).await
    }

    /// Goes on calling off what is inside of runs that were called off.
    pub(crate) async fn call_off(&self, root: ExecutionId) -> Result<(), CoordinatorError> {
        let now = self.now();
        self.inner.db.write(async move |tx: &mut Tx| tree::call_off(tx, root, now).await).await
    }
}

//! The operation that is being carried out on the engine.

use futures_util::future::{BoxFuture, FutureExt};
use tracing::{Instrument as _, Span};

use super::{background::Background, operation::Operator};
use crate::{
    engine::observed::ContainerId,
    model::activity::{EngineOperation, OperationKind},
    reconcile::machine::step::Outcome,
};

/// Carries out the machine's operations, one at a time.
pub(super) struct EngineWork {
    pub(super) operator: Operator,
    /// The operation that is being carried out.
    pub(super) running: Background<Outcome>,
    /// The same for readers.
    pub(super) operation: Option<EngineOperation>,
    /// The span of the call that is being carried out.
    caller: Span,
}

impl EngineWork {
    pub(super) fn new(operator: Operator) -> Self {
        Self {
            operator,
            running: Background::idle(),
            operation: None,
            caller: Span::none(),
        }
    }

    /// Begins an operation on `container`, after whatever has to come before it.
    pub(super) fn begin(
        &mut self,
        op: OperationKind,
        container: Option<ContainerId>,
        before: Option<BoxFuture<'static, ()>>,
    ) {
        self.operation = Some(EngineOperation::begins(op));
        if matches!(op, OperationKind::Create | OperationKind::Start) {
            self.operator.force.send_replace(false);
        }
        let span = tracing::info_span!(
            parent: &self.caller, "engine operation",
            plugin = %self.operator.spec.plugin, operation = op.as_str()
        );
        let perform = self.operator.clone().perform(op, container).instrument(span);
        match before {
            Some(before) => self.running.begin(before.then(|()| perform)),
            None => self.running.begin(perform),
        }
    }

    /// Lets whatever is stopped be killed, until the plugin starts again.
    pub(super) fn force_stops(&self) {
        self.operator.force.send_replace(true);
    }

    /// Drops the operation that is being carried out, and lets it end as one to be tried again.
    pub(super) fn give_up(&mut self) {
        self.running
            .begin(async { Outcome::Retry("given up".to_owned()) });
    }

    /// Notes that the operation has ended.
    pub(super) fn end(&mut self) {
        self.operation = None;
    }

    /// Lets the next operations belong to the call that `caller` is the span of.
    pub(super) fn called_by(&mut self, caller: Span) {
        self.caller = caller;
    }

    /// Lets go of the span of the last call, so that it ends.
    pub(super) fn release_caller(&mut self) {
        self.caller = Span::none();
    }
}

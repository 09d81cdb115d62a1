use std::sync::Arc;

use super::Engine;

/// What [`Supervisor::builder`](crate::supervisor::Supervisor::builder) takes: any [`Engine`], or
/// an `Arc<dyn Engine>` for one that was chosen at run time. There is nothing to implement.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no engine",
    note = "pass a type that implements `hap_host::engine::Engine`, or an `Arc<dyn Engine>`"
)]
pub trait IntoEngine: sealed::Sealed {
    #[doc(hidden)]
    fn into_engine(self) -> Arc<dyn Engine>;
}

impl<E: Engine> IntoEngine for E {
    fn into_engine(self) -> Arc<dyn Engine> {
        Arc::new(self)
    }
}

impl IntoEngine for Arc<dyn Engine> {
    fn into_engine(self) -> Self {
        self
    }
}

mod sealed {
    use super::{Arc, Engine};

    pub trait Sealed {}

    impl<E: Engine> Sealed for E {}

    impl Sealed for Arc<dyn Engine> {}
}

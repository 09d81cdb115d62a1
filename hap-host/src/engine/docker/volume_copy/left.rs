//! How much may still be copied.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::engine::error::{EngineError, EngineErrorKind};

/// What is left of a bound. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Left {
    bound: Option<u64>,
    bytes: Arc<AtomicU64>,
}

impl Left {
    pub(super) fn new(bound: Option<u64>) -> Self {
        Self {
            bound,
            bytes: Arc::new(AtomicU64::new(bound.unwrap_or(u64::MAX))),
        }
    }

    /// Takes what is about to be copied; an error when it is more than what is left.
    pub(super) fn take(&self, bytes: u64) -> io::Result<()> {
        if self.bound.is_none() {
            return Ok(());
        }
        let taken = self
            .bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            });
        taken.map(drop).map_err(|_| io::ErrorKind::QuotaExceeded.into())
    }

    /// The refusal of more than the bound.
    pub(super) fn exceeded(&self, volume: &str) -> EngineError {
        let message = format!(
            "there is more in it than the {} bytes that a copy may take",
            self.bound.unwrap_or_default()
        );
        EngineError::new(EngineErrorKind::Rejected, "copy volumes", volume, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clones_take_of_one_bound() {
        let left = Left::new(Some(10));
        let other = left.clone();
        left.take(6).unwrap();
        other.take(4).unwrap();
        assert_eq!(left.take(1).unwrap_err().kind(), io::ErrorKind::QuotaExceeded);
        assert!(left.exceeded("data").to_string().contains("10 bytes"));
        Left::new(None).take(u64::MAX).unwrap();
    }
}

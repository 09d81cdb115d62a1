//! What the kernel tells in files of its own.

use std::io;

use crate::engine::{
    error::{EngineError, EngineErrorKind},
    own_lack::own_lack,
};

/// Reads a file of the kernel. `None` where there is none, or it is not for us.
///
/// What this process lacks to read it is an error: without it nobody knows what the file says.
pub(in crate::engine::docker) async fn read(
    path: &str,
    subject: &str,
) -> Result<Option<String>, EngineError> {
    told(tokio::fs::read_to_string(path).await, path, subject)
}

fn told(read: io::Result<String>, path: &str, subject: &str) -> Result<Option<String>, EngineError> {
    let error = match read {
        Ok(text) => return Ok(Some(text)),
        Err(error) => error,
    };
    let Some(lack) = own_lack(&error) else {
        return Ok(None);
    };
    let message = format!("{path} cannot be read now: {lack}");
    Err(
        EngineError::new(EngineErrorKind::Unavailable, "prepare network", subject, message)
            .with_source(error),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_says_nothing_and_one_that_cannot_be_opened_now_is_an_error() {
        let absent = told(Err(io::ErrorKind::NotFound.into()), "/proc/x", "home");
        assert_eq!(absent.unwrap(), None);
        let error = told(Err(io::Error::from_raw_os_error(24)), "/proc/x", "home").unwrap_err();
        assert!(
            error.is_retryable() && error.message().contains("descriptor"),
            "{error}"
        );
    }
}

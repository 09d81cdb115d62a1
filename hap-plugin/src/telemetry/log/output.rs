//! [`Output`]: standard output, without known secrets.

use std::io::{self, Stdout, Write};

use tracing_subscriber::fmt::MakeWriter;

use crate::telemetry::redactor::Redactor;

/// Where lines go. The log writes each line at once, so that a secret never lies across two writes.
#[derive(Debug, Clone)]
pub(super) struct Output<W> {
    to: W,
    redactor: Redactor,
}

impl<W> Output<W> {
    pub(super) fn new(to: W, redactor: Redactor) -> Self {
        Self { to, redactor }
    }
}

impl<'a> MakeWriter<'a> for Output<Stdout> {
    type Writer = Output<io::StdoutLock<'a>>;

    fn make_writer(&'a self) -> Self::Writer {
        Output::new(self.to.lock(), self.redactor.clone())
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let cleaned = self.redactor.clean(String::from_utf8_lossy(bytes));
        self.to.write_all(cleaned.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

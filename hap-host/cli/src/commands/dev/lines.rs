use std::{
    fs,
    io::{self, IsTerminal as _},
    path::Path,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    sync::mpsc,
};

use crate::failure::{Exit, Failure};

/// The longest line, and the largest file of lines.
const MOST_LINE: u64 = 64 * 1024;
const MOST_FILE: u64 = 1 << 20;

/// Lines that are carried out one after the other.
#[derive(Debug)]
pub(super) struct Lines {
    lines: mpsc::Receiver<String>,
    /// Whether somebody sits at a terminal and types them.
    pub(super) are_typed: bool,
    /// Whether the session ends with them.
    pub(super) are_all: bool,
    is_over: bool,
}

impl Lines {
    /// Those of a file, or else of standard input.
    pub(super) fn open(file: Option<&Path>) -> Result<Self, Failure> {
        let (sender, lines) = mpsc::channel(1);
        if let Some(file) = file {
            let failed = |why: String| {
                let message = format!("the commands in {} cannot be read: {why}", file.display());
                Failure::new(Exit::NotFound, "no_commands", message)
                    .help("name a text file with one command in each line, such as: ring times=3")
            };
            let length = fs::metadata(file)
                .map_err(|error| failed(error.to_string()))?
                .len();
            if length > MOST_FILE {
                return Err(failed(format!(
                    "it has {length} bytes, at most {MOST_FILE} are read"
                )));
            }
            let text = fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
            tokio::spawn(async move {
                for line in text.lines() {
                    if sender.send(line.to_owned()).await.is_err() {
                        return;
                    }
                }
            });
        } else {
            tokio::spawn(read(sender));
        }
        Ok(Self {
            lines,
            are_typed: file.is_none() && io::stdin().is_terminal(),
            are_all: file.is_some(),
            is_over: false,
        })
    }

    /// The next line. After the last one it is `None` once, and then nothing more comes.
    pub(super) async fn next(&mut self) -> Option<String> {
        if self.is_over {
            return std::future::pending().await;
        }
        let line = self.lines.recv().await;
        self.is_over = line.is_none();
        line
    }
}

async fn read(lines: mpsc::Sender<String>) {
    let mut input = BufReader::new(tokio::io::stdin());
    loop {
        let mut line = Vec::new();
        match (&mut input).take(MOST_LINE).read_until(b'\n', &mut line).await {
            Ok(1..) => {}
            _ => return,
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        if lines.send(line).await.is_err() {
            return;
        }
    }
}

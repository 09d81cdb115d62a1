use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use crate::{Failure, report};

/// Tells what happens, with the time since the beginning.
#[derive(Debug)]
pub struct Story {
    began: Instant,
}

impl Default for Story {
    fn default() -> Self {
        Self::new()
    }
}

impl Story {
    /// Begins now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
        }
    }

    /// Begins a chapter.
    pub fn chapter(&self, title: &str) {
        println!("\n[{:6.1} s] {title}", self.began.elapsed().as_secs_f32());
    }

    /// Says one line.
    pub fn say(&self, line: &str) {
        println!("    {line}");
    }

    /// Waits, visibly.
    pub async fn wait(&self, why: &str, time: Duration) {
        self.during(why, tokio::time::sleep(time)).await;
    }

    /// Shows that something goes on: a counter on a terminal, a line now and then in a file.
    pub async fn during<T>(&self, what: &str, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let began = Instant::now();
        let terminal = std::io::stdout().is_terminal();
        println!("    {what} ...");
        let every = if terminal {
            Duration::from_secs(1)
        } else {
            Duration::from_secs(10)
        };
        loop {
            tokio::select! {
                done = &mut work => {
                    if terminal {
                        print!("\r");
                    }
                    return done;
                }
                () = tokio::time::sleep(every) => {
                    let seconds = began.elapsed().as_secs();
                    if terminal {
                        print!("\r    ... {seconds} s ");
                        // A terminal that does not take it loses a counter, nothing else.
                        let _ = std::io::stdout().flush();
                    } else {
                        println!("    ... {seconds} s");
                    }
                }
            }
        }
    }

    /// Ends the story well.
    pub fn end(&self) {
        println!("\n[{:6.1} s] The end.", self.began.elapsed().as_secs_f32());
    }

    /// Ends the story with what went wrong.
    pub fn fail(&self, failure: &Failure) {
        println!(
            "\n[{:6.1} s] It broke off: {}",
            self.began.elapsed().as_secs_f32(),
            report(failure)
        );
    }
}

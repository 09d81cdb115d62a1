//! The `hap` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    hap_cli::main()
}

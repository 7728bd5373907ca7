//! The program `bocau`; see the library beside this file for its parts.

use std::process::ExitCode;

/// Many short-lived buffers over many threads, which the system's allocator keeps badly apart.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    bocau::run()
}

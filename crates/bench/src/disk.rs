//! How long the disk itself takes to keep something: what no server that promises can be faster than.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use crate::spread::Spread;

const BLOCK: usize = 4_096;
const WRITES: usize = 500;

/// Appends 4 KiB and waits for the disk, some hundred times, on the file system of a directory.
pub(crate) async fn sync_spread(directory: &Path) -> anyhow::Result<Spread> {
    let mut file = tempfile::tempfile_in(directory)?;
    let spans = tokio::task::spawn_blocking(move || {
        let one = |_| {
            let began_at = Instant::now();
            file.write_all(&[b'x'; BLOCK])?;
            file.sync_data()?;
            Ok(began_at.elapsed())
        };
        (0..WRITES).map(one).collect::<std::io::Result<Vec<_>>>()
    });
    Ok(Spread::of(spans.await??))
}

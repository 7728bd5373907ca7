//! What processes have used, as the system counts it.

use std::fs;
use std::time::Duration;

/// The processor time of a process so far, with that of children that have ended.
pub(crate) fn cpu(pid: u32) -> Duration {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return Duration::ZERO };
    // The name, which may hold anything, ends with the last bracket; times are fields 14 to 17 of the whole.
    let Some((_, fields)) = stat.rsplit_once(')') else { return Duration::ZERO };
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second())
}

/// The same of this process.
pub(crate) fn own_cpu() -> Duration {
    cpu(std::process::id())
}

/// The same of a process and the children that it has now.
pub(crate) fn cpu_of_family(parent: u32) -> Duration {
    let Ok(processes) = fs::read_dir("/proc") else { return Duration::ZERO };
    let children = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    cpu(parent) + children.filter(|pid| parent_of(*pid) == Some(parent)).map(cpu).sum::<Duration>()
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// The most memory that a process has had, in bytes.
pub(crate) fn peak_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1_024
}

/// Cores that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

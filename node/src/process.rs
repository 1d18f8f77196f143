//! Facts about this process and its clocks. The only place of the node that reads them.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Resident memory of this process in bytes; 0 where the system does not tell.
pub fn resident_bytes() -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()));
    pages.unwrap_or_default() * PAGE_BYTES
}

/// What this process took of the processors, in the kernel and outside; zero where the system does not tell.
pub fn processor_time() -> [Duration; 2] {
    let read = || {
        let text = std::fs::read_to_string("/proc/self/stat").ok()?;
        // Behind the program's name, which may hold anything: utime is the 12th field, stime the 13th, in hundredths.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some([ticks(12)?, ticks(11)?].map(|ticks| Duration::from_millis(ticks * 10)))
    };
    read().unwrap_or_default()
}

/// Wall clock, milliseconds since 1970: for expiry and reports, never for timers.
pub fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Monotonic time since the first call, which goes on while the machine is suspended: for leases, timers and latencies; never
/// leaves the process.
pub fn monotonic() -> Duration {
    static START: OnceLock<Duration> = OnceLock::new();
    let now = boot_time();
    now.saturating_sub(*START.get_or_init(|| now))
}

fn boot_time() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    // Counts suspended time on macOS too; there is no other name for it.
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::Monotonic;
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

/// How much less the calling thread, and those it starts from now on, weigh where processor time is short: 5 steps of niceness
/// are about a third of what a worker gets (sched(7)).
const NICER: i32 = 5;

/// Has the calling thread leave the processor to workers when both want it: clients wait for those. It still goes on beside busy
/// workers, only slower.
pub fn yield_to_workers() {
    use rustix::process::{getpriority_process, setpriority_process};
    // Of the calling thread alone on Linux; of the whole process elsewhere, where it would change nothing between threads.
    #[cfg(target_os = "linux")]
    if let Ok(now) = getpriority_process(None) {
        // Refused, it is as fast as workers are.
        let _ = setpriority_process(None, (now + NICER).min(19));
    }
}

/// Raises the limit of open files to what the system allows; returns the limit in force.
pub fn raise_open_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => limit.maximum.unwrap_or(1 << 20),
        // The limit stays as it was; fewer clients fit.
        Err(_) => limit.current.unwrap_or(1024),
    }
}

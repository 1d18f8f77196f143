//! What happens at a bug: a panic writes a report file, names it on stderr, and the program ends with exit code 70.
//!
//! The report holds the version, the message, the place and a backtrace; of the command line only the verb, as arguments may be
//! data. In a node a panic in one thread does not end the others; only the first one is reported.

use crate::output::last_words;
use crate::profile::{state_dir, write_private};
use std::backtrace::Backtrace;
use std::panic::PanicHookInfo;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Makes panics end as bugs do. Called once, first of all.
pub fn install() {
    std::panic::set_hook(Box::new(report));
}

/// Panics when `DCACHE_TEST_PANIC` is set: the only way to see a report without a bug.
pub fn on_demand() {
    if std::env::var_os("DCACHE_TEST_PANIC").is_some() {
        panic!("asked to by DCACHE_TEST_PANIC");
    }
}

fn report(info: &PanicHookInfo<'_>) {
    static REPORTED: AtomicBool = AtomicBool::new(false);
    let payload = info.payload();
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_string())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into());
    let place = info.location().map(ToString::to_string).unwrap_or_else(|| "unknown place".into());
    let mut text = format!("error: dcache itself failed: {message}\n  why   a bug, at {place}\n");
    if !REPORTED.swap(true, Ordering::Relaxed) {
        let hint = match write_report(&message, &place) {
            Some(path) => format!("please report it with the file {}", path.display()),
            None => "please report it; no report file could be written".into(),
        };
        text.push_str(&format!("  hint  {hint}\n  code  BUG (exit 70)\n"));
    }
    last_words(&text);
}

fn write_report(message: &str, place: &str) -> Option<PathBuf> {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let verb = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let verb: String = verb.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
    let path = state_dir().ok()?.join("reports").join(format!("{now_ms}-{}.txt", std::process::id()));
    let text = format!(
        "dcache {} on {} {}\nverb: {verb}\nmessage: {message}\nplace: {place}\nthread: {}\n\n{}\n",
        dcache_protocol::VERSION,
        std::env::consts::OS,
        std::env::consts::ARCH,
        std::thread::current().name().unwrap_or("unnamed"),
        Backtrace::force_capture()
    );
    write_private(&path, text.as_bytes()).ok()?;
    Some(path)
}

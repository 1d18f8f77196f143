//! Transcripts: what tests say a client hears. A line is `request => reply`; in the reply a line end is a blank and a zero
//! byte is `\0`. `~ 1500` lets so many milliseconds pass; `#` begins a remark. Those in files are replies of a Redis server.

use crate::fixture::{self, Caller};
use std::fmt::Write;
use std::time::Duration;

/// Has the client send every request, and compares all replies at once.
pub fn play(client: &mut Caller<'_>, transcript: &str) {
    let (mut expected, mut heard) = (String::new(), String::new());
    for line in transcript.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(ms) = line.strip_prefix("~ ") {
            fixture::pass(Duration::from_millis(ms.parse().expect("a number of milliseconds")));
            continue;
        }
        let (request, reply) = line.split_once(" =>").expect("request => reply");
        let actual = client.say(request).replace("\r\n", " ").replace('\0', "\\0");
        writeln!(expected, "{request} => {}", reply.trim()).expect("strings take everything");
        writeln!(heard, "{request} => {}", actual.trim()).expect("strings take everything");
    }
    assert!(!expected.is_empty(), "a transcript says something");
    if heard != expected {
        let wrong: Vec<String> = expected
            .lines()
            .zip(heard.lines())
            .filter(|(expected, heard)| expected != heard)
            .map(|(expected, heard)| format!("expected {expected}\n   heard {heard}"))
            .collect();
        panic!("{} replies differ\n{}", wrong.len(), wrong.join("\n"));
    }
}

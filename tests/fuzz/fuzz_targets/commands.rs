//! Commands of one type, as the table says they are written and a little otherwise, on a whole node: no panic, no endless loop, whole
//! replies only, the memory limit holds. Scripts run, too. `DCACHE_FUZZ_GROUP` names the type as COMMAND DOCS does: `hash`,
//! `sorted-set`, `stream` and so on; without it all commands take part.
#![no_main]

mod node;

use dcache_core::command::{Arg, COMMANDS, Command};
use dcache_core::script::{Machine, Outside};
use dcache_core::{Door, Session, Step};
use dcache_protocol::resp::value::skip_value;
use libfuzzer_sys::fuzz_target;
use node::{check_memory, node};
use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

/// What stands where anything may.
const WORDS: [&[u8]; 48] = [
    b"", b"0", b"1", b"-1", b"2", b"3", b"7", b"10", b"-10", b"100", b"127", b"128", b"255", b"256", b"65536", b"4294967296",
    b"9223372036854775807", b"-9223372036854775808", b"18446744073709551615", b"9223372036854775808", b"01", b"+1", b" 1", b"0.5",
    b"-1.5", b"1e308", b"1e400", b"nan", b"inf", b"-inf", b"+inf", b"(1", b"(inf", b"[a", b"(a", b"-", b"+", b"$", b">", b"*", b"0-0",
    b"1-1", b"5-18446744073709551615", b"18446744073709551615-18446744073709551615", b"abc", b"a*", b"\xff\xfe\x00", b"=",
];

const KEYS: [&str; 10] = ["a", "b", "c", "hash", "list", "set", "zset", "stream", "{t}1", "{t}2"];

const SCRIPTS: [&str; 8] = [
    "return redis.call('incr', KEYS[1])",
    "return {KEYS, ARGV, 1.5, false, {err='E x'}}",
    "return redis.pcall(unpack(ARGV))",
    "for i = 1, 100 do redis.call('rpush', KEYS[1], i) end return redis.call('lrange', KEYS[1], 0, -1)",
    "return cjson.encode(cjson.decode(ARGV[1]))",
    "return {struct.unpack(ARGV[1], ARGV[2])}",
    "return cmsgpack.unpack(ARGV[1])",
    "redis.setresp(3) return redis.call('hgetall', KEYS[1])",
];

/// Bytes that decide.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn byte(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first)
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = self.byte().min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn word(&mut self) -> Vec<u8> {
        match self.byte() {
            byte @ 0..=191 => WORDS[byte % WORDS.len()].to_vec(),
            192..=215 => b"x".repeat(self.byte() * 16),
            _ => self.bytes().to_vec(),
        }
    }

    fn arg(&mut self, arg: &Arg, words: &mut Vec<Vec<u8>>, depth: usize) {
        if arg.optional && self.byte() & 1 == 0 || depth > 6 {
            return;
        }
        let times = if arg.multiple { 1 + self.byte() % 4 } else { 1 };
        for index in 0..times {
            if let Some(token) = arg.token.filter(|token| !token.is_empty() && (index == 0 || arg.repeats_token)) {
                words.push(token.as_bytes().to_vec());
            }
            match arg.kind {
                "pure-token" => {}
                "oneof" if !arg.args.is_empty() => {
                    let pick = &arg.args[self.byte() % arg.args.len()];
                    self.arg(pick, words, depth + 1);
                }
                "block" => arg.args.iter().for_each(|inner| self.arg(inner, words, depth + 1)),
                "key" => words.push(KEYS[self.byte() % KEYS.len()].into()),
                _ if arg.name == "script" => words.push(SCRIPTS[self.byte() % SCRIPTS.len()].into()),
                _ => words.push(self.word()),
            }
        }
    }

    fn request(&mut self, commands: &[&'static Command]) -> Vec<u8> {
        let pick = self.byte() << 8 | self.byte();
        let command = commands[pick % commands.len()];
        let mut words: Vec<Vec<u8>> = command.name.split('|').map(|word| word.as_bytes().to_vec()).collect();
        command.docs.args.iter().for_each(|arg| self.arg(arg, &mut words, 0));
        // Numbers of keys are mostly right.
        if self.byte() & 3 > 0
            && let Some(at) = command.docs.args.iter().position(|arg| arg.name == "numkeys")
            && let Some(word) = words.get_mut(at + 1)
        {
            *word = b"1".to_vec();
        }
        match self.byte() {
            0..=7 => _ = words.pop(),
            8..=15 => words.push(self.word()),
            16..=23 => {
                let at = self.byte() % words.len();
                words[at] = self.word();
            }
            _ => {}
        }
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(&word);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }
}

fn commands() -> &'static [&'static Command] {
    static CHOSEN: OnceLock<Vec<&'static Command>> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let group = std::env::var("DCACHE_FUZZ_GROUP").unwrap_or_default();
        let of_group = |command: &&Command| group.is_empty() || command.docs.group == group;
        let all = COMMANDS.iter().flat_map(|command| [command].into_iter().chain(command.subcommands()));
        // These end the connection, or the process's clients wait for them.
        let is_wanted = |command: &&Command| !matches!(command.name, "quit" | "shutdown" | "client|pause");
        let chosen: Vec<_> = all.filter(of_group).filter(is_wanted).collect();
        assert!(!chosen.is_empty(), "no command is of the group {group}");
        chosen
    })
}

thread_local! {
    static MACHINE: RefCell<Machine> = RefCell::new(Machine::new(node(), 0, Outside { pause: |_| (), log: |_, _| () }));
}

fuzz_target!(|input: &[u8]| {
    let node = node();
    let mut choices = Choices(input);
    let kind = choices.byte();
    let door = if kind & 1 == 0 { Door::Gateway } else { Door::Cluster };
    let mut session = Session::new(node, door, 0, "127.0.0.1:1".into(), "127.0.0.1:2".into(), Arc::new(|| {}));
    let mut bytes = Vec::new();
    if kind & 2 != 0 {
        bytes.extend_from_slice(b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n");
    }
    if kind & 12 == 0 {
        bytes.extend_from_slice(b"*1\r\n$8\r\nFLUSHALL\r\n");
    }
    for _ in 0..64 {
        if choices.0.is_empty() {
            break;
        }
        bytes.extend(choices.request(commands()));
    }
    let mut out = Vec::new();
    let mut at = 0;
    loop {
        let mut replies = Vec::new();
        let advance = session.advance(node, &bytes[at..], &mut replies);
        out.append(&mut replies);
        at += advance.consumed;
        assert!(at <= bytes.len());
        match advance.step {
            Step::NeedInput { .. } | Step::Close => break,
            Step::OutputFull => {}
            Step::Forward(fanout) => {
                if let Some(job) = fanout.job() {
                    node.scripts().submit(job, Arc::new(|| {}));
                    MACHINE.with_borrow_mut(|machine| while machine.run_next() {});
                }
                let mut reply = Vec::new();
                match fanout.finish(node, Vec::new(), &mut reply) {
                    dcache_core::Outcome::Done(_) => out.append(&mut reply),
                    _ => break,
                }
            }
            // CLIENT PAUSE, and the clock stands still.
            Step::Pause | Step::Turn | Step::Wait(_) => break,
        }
    }
    let mut rest = &out[..];
    while !rest.is_empty() {
        let length = skip_value(rest).expect("well-formed replies").expect("whole replies");
        rest = &rest[length..];
    }
    check_memory();
});

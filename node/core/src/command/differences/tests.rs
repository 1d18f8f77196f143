//! What is told of commands is told of ones that there are, and says of each of Redis 7.2's whether it is there.

use super::*;
use crate::command::{Arg, COMMANDS};
use std::collections::BTreeSet;

/// COMMAND LIST of Redis 7.2 with all subcommands.
const REDIS: &str = include_str!("redis.txt");

fn names() -> BTreeSet<&'static str> {
    COMMANDS.iter().map(|command| command.name).collect()
}

#[test]
fn rows_are_sorted_and_say_something() {
    for rows in [DIFFERENCES, ABSENT] {
        assert!(rows.is_sorted_by(|(one, _), (next, _)| one < next));
        for (name, text) in rows {
            assert!(text.len() > 10 && text.ends_with('.') && !text.contains("  "), "{name}: {text:?}");
        }
    }
}

#[test]
fn what_differs_is_there() {
    let names = names();
    let unknown: Vec<&str> = DIFFERENCES.iter().map(|(name, _)| *name).filter(|name| !names.contains(name)).collect();
    assert_eq!(unknown, [""; 0]);
}

#[test]
fn a_command_of_redis_is_there_or_absent_and_not_both() {
    let names = names();
    let redis: BTreeSet<&str> = REDIS.split_ascii_whitespace().collect();
    let absent: BTreeSet<&str> = ABSENT.iter().map(|(name, _)| *name).collect();
    assert!(redis.len() > 300);
    assert_eq!(names.intersection(&absent).collect::<Vec<_>>(), [&""; 0]);
    assert_eq!(absent.difference(&redis).collect::<Vec<_>>(), [&""; 0], "are no commands of Redis");
    let missing: Vec<&&str> = redis.iter().filter(|name| !names.contains(*name) && !absent.contains(*name)).collect();
    assert_eq!(missing, [&""; 0], "neither there nor absent");
}

#[test]
fn what_is_not_redis_7_2_says_whose_it_is() {
    let redis: BTreeSet<&str> = REDIS.split_ascii_whitespace().collect();
    let told = |command: &Command| {
        of(command).any(|text| ["Redis 7.4", "Redis 8", "Valkey"].iter().any(|whose| text.contains(whose)))
    };
    let is_later = |since: &str| {
        let number = |part: Option<&str>| part.and_then(|part| part.parse::<u32>().ok()).unwrap_or(0);
        let mut parts = since.split('.');
        (number(parts.next()), number(parts.next())) > (7, 2)
    };
    fn any(args: &[Arg], is: &dyn Fn(&Arg) -> bool) -> bool {
        args.iter().any(|arg| is(arg) || any(arg.args, is))
    }
    for command in &COMMANDS {
        let has_later = is_later(command.docs.since) || any(command.docs.args, &|arg| arg.since.is_some_and(is_later));
        let is_helping = command.name.ends_with("|help");
        let is_own = is_later(command.docs.since) && !redis.contains(command.name);
        assert!(!(has_later || is_own) || is_helping || told(command), "{} is later than Redis 7.2", command.name);
    }
}

#[test]
fn a_subcommand_has_what_is_told_of_its_container() {
    let of =
        |name: &str| of(COMMANDS.iter().find(|command| command.name == name).expect("a command")).collect::<Vec<_>>();
    assert_eq!(of("acl|log").len(), 2);
    assert_eq!(of("acl").len(), 1);
    assert_eq!(of("get").len(), 0);
    assert_eq!(why_absent("waitaof").map(|why| why.contains("disk")), Some(true));
    assert_eq!(why_absent("get"), None);
}

#[test]
fn what_refuses_says_so() {
    for command in COMMANDS.iter().filter(|command| command.docs.summary.starts_with("Refused")) {
        assert!(of(command).any(|text| text.starts_with("Refused")), "{}", command.name);
    }
}

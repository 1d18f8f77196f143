//! What rows are written with: a command that needs nothing, its keys, its docs. Not here: the rows.

use crate::command::{Arg, Categories, Command, Docs, Find, Flags, Gateway, KeySpec, Run};

pub(super) const fn command(name: &'static str, arity: i16, flags: Flags, groups: Categories, run: Run) -> Command {
    let docs = docs("", "", "", "", &[]);
    Command {
        name,
        arity,
        flags,
        groups,
        keys: &[],
        tips: &[],
        docs,
        gateway: Gateway::Local,
        run,
        id: 0,
        is_container: false,
    }
}

pub(super) const fn docs(
    group: &'static str,
    since: &'static str,
    complexity: &'static str,
    summary: &'static str,
    args: &'static [Arg],
) -> Docs {
    Docs { summary, since, group, complexity, deprecated: None, args }
}

pub(super) const fn keys(first: u8, last: i8, step: u8, flags: &'static [&'static str]) -> KeySpec {
    KeySpec { find: Find::Range, first, last, step, flags, notes: None }
}

/// So many keys as the number at `index` says, behind it.
pub(super) const fn counted_keys(index: u8, flags: &'static [&'static str]) -> KeySpec {
    KeySpec { find: Find::Count, first: index, last: 0, step: 1, flags, notes: None }
}

/// The key behind a word.
pub(super) const fn key_behind(word: &'static str, from: u8, flags: &'static [&'static str]) -> KeySpec {
    KeySpec { find: Find::Word(word), first: from, last: 0, step: 1, flags, notes: None }
}

/// A row of one key, which its owner runs.
#[allow(clippy::too_many_arguments)]
pub(super) const fn row(
    name: &'static str,
    arity: i16,
    flags: Flags,
    groups: Categories,
    keys: &'static [KeySpec],
    docs: Docs,
    run: Run,
) -> Command {
    Command { keys, docs, gateway: Gateway::Single, ..command(name, arity, flags, groups, run) }
}

pub(super) const KEY: Arg = key_arg("key").at(0);

pub(super) const fn arg(name: &'static str, kind: &'static str, args: &'static [Arg]) -> Arg {
    Arg {
        name,
        kind,
        key_spec: None,
        token: None,
        since: None,
        optional: false,
        multiple: false,
        repeats_token: false,
        args,
    }
}

pub(super) const fn key_arg(name: &'static str) -> Arg {
    arg(name, "key", &[])
}

pub(super) const fn string_arg(name: &'static str) -> Arg {
    arg(name, "string", &[])
}

pub(super) const fn integer(name: &'static str) -> Arg {
    arg(name, "integer", &[])
}

pub(super) const fn double(name: &'static str) -> Arg {
    arg(name, "double", &[])
}

pub(super) const fn unix_time(name: &'static str) -> Arg {
    arg(name, "unix-time", &[])
}

pub(super) const fn pattern(name: &'static str) -> Arg {
    arg(name, "pattern", &[])
}

pub(super) const fn pure_token(name: &'static str, token: &'static str) -> Arg {
    arg(name, "pure-token", &[]).token(token)
}

pub(super) const fn oneof(name: &'static str, args: &'static [Arg]) -> Arg {
    arg(name, "oneof", args)
}

pub(super) const fn block(name: &'static str, args: &'static [Arg]) -> Arg {
    arg(name, "block", args)
}

impl Arg {
    pub(super) const fn at(self, key_spec: u8) -> Arg {
        Arg { key_spec: Some(key_spec), ..self }
    }

    pub(super) const fn token(self, token: &'static str) -> Arg {
        Arg { token: Some(token), ..self }
    }

    pub(super) const fn since(self, since: &'static str) -> Arg {
        Arg { since: Some(since), ..self }
    }

    pub(super) const fn optional(self) -> Arg {
        Arg { optional: true, ..self }
    }

    pub(super) const fn multiple(self) -> Arg {
        Arg { multiple: true, ..self }
    }

    /// May be given several times, each with its token.
    pub(super) const fn repeated(self) -> Arg {
        Arg { multiple: true, repeats_token: true, ..self }
    }
}

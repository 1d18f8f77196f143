//! Exit codes: the one table that `dcache help exit-codes`, the man page and the code itself use.

/// How the program ends. The discriminant is the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Ok = 0,
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    Unreachable = 4,
    Timeout = 5,
    Auth = 6,
    Conflict = 7,
    Unhealthy = 8,
    Partial = 9,
    Changes = 10,
    Declined = 11,
    Limit = 12,
    Version = 13,
    Bug = 70,
    Interrupted = 130,
    ClosedPipe = 141,
    Terminated = 143,
}

impl Exit {
    pub const ALL: [Exit; 18] = [
        Exit::Ok,
        Exit::Failed,
        Exit::Usage,
        Exit::NotFound,
        Exit::Unreachable,
        Exit::Timeout,
        Exit::Auth,
        Exit::Conflict,
        Exit::Unhealthy,
        Exit::Partial,
        Exit::Changes,
        Exit::Declined,
        Exit::Limit,
        Exit::Version,
        Exit::Bug,
        Exit::Interrupted,
        Exit::ClosedPipe,
        Exit::Terminated,
    ];

    pub fn code(self) -> u8 {
        self as u8
    }

    /// The stable word for programs.
    pub fn name(self) -> &'static str {
        match self {
            Exit::Ok => "OK",
            Exit::Failed => "FAILED",
            Exit::Usage => "USAGE",
            Exit::NotFound => "NOT_FOUND",
            Exit::Unreachable => "UNREACHABLE",
            Exit::Timeout => "TIMEOUT",
            Exit::Auth => "AUTH",
            Exit::Conflict => "CONFLICT",
            Exit::Unhealthy => "UNHEALTHY",
            Exit::Partial => "PARTIAL",
            Exit::Changes => "CHANGES",
            Exit::Declined => "DECLINED",
            Exit::Limit => "LIMIT",
            Exit::Version => "VERSION",
            Exit::Bug => "BUG",
            Exit::Interrupted => "INTERRUPTED",
            Exit::ClosedPipe => "CLOSED_PIPE",
            Exit::Terminated => "TERMINATED",
        }
    }

    pub fn meaning(self) -> &'static str {
        match self {
            Exit::Ok => "done, or already so",
            Exit::Failed => "anything without a code of its own",
            Exit::Usage => "a wrong flag or argument, or a question that --no-input or a script cannot answer",
            Exit::NotFound => "the key, node, operation, namespace, context or local cluster does not exist",
            Exit::Unreachable => "no endpoint answered, or the node that owns the key's slot is down",
            Exit::Timeout => "a deadline passed; the outcome may be unknown, and the message says so",
            Exit::Auth => "not authenticated or not allowed (nodes of this release know no logins and never answer so)",
            Exit::Conflict => {
                "a condition was not met: --if-absent, already initialised differently, a stale plan, another operation under way"
            }
            Exit::Unhealthy => {
                "status --check: a critical finding, a copy missing, a node that does not answer, an operation not finished; or any warning with --strict"
            }
            Exit::Partial => "some nodes or keys failed, the rest succeeded",
            Exit::Changes => "--exit-code with --dry-run or --plan: there are changes to make",
            Exit::Declined => "the person said no",
            Exit::Limit => "out of memory, or a value above 512 MiB",
            Exit::Version => "this program and the node speak no common version",
            Exit::Bug => "a bug in dcache; the message names a report file",
            Exit::Interrupted => "ended by SIGINT (Ctrl-C), as a shell counts it",
            Exit::ClosedPipe => "the reader of the output has gone; nothing is printed about it",
            Exit::Terminated => "ended by SIGTERM, as a shell counts it",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_once_and_in_order() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 70, 130, 141, 143]);
        let mut names: Vec<&str> = Exit::ALL.iter().map(|exit| exit.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Exit::ALL.len());
    }
}

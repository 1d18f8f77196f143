//! What a failed command says: what failed, why, what to do next, and its exit code. Printing it is `output.rs`'s business.
//!
//! Every other error becomes one of these here: the client's, the control API's, a node's error reply, the configuration's.

use crate::exit::Exit;
use dcache_client::Error as ClientError;
use dcache_node::{ConfigError, StartError};
use dcache_protocol::control::{ApiError, ErrorCode};
use std::fmt::Display;

/// A command's failure, ready to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliError {
    pub exit: Exit,
    pub message: String,
    pub why: Option<String>,
    pub hints: Vec<String>,
    /// An everyday answer of a data verb, told in one line and not at all with `--quiet`.
    pub is_brief: bool,
}

pub type Result<T> = std::result::Result<T, CliError>;

impl CliError {
    pub fn new(exit: Exit, message: impl Into<String>) -> CliError {
        CliError { exit, message: message.into(), why: None, hints: Vec::new(), is_brief: false }
    }

    pub fn failed(message: impl Into<String>) -> CliError {
        CliError::new(Exit::Failed, message)
    }

    pub fn usage(message: impl Into<String>) -> CliError {
        CliError::new(Exit::Usage, message)
    }

    /// One line, as data verbs answer.
    pub fn brief(exit: Exit, message: impl Into<String>) -> CliError {
        CliError { is_brief: true, ..CliError::new(exit, message) }
    }

    /// Something named that is not there; suggests the names nearest to it.
    pub fn no_such<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> CliError {
        let known: Vec<&str> = known.into_iter().collect();
        let mut error = CliError::new(Exit::NotFound, format!("no {what} named {name:?}"));
        let near = nearest(name, &known);
        if !near.is_empty() {
            error = error.hint(format!("did you mean {}?", near.join(", ")));
        } else if known.is_empty() {
            error = error.why(format!("there is no {what} at all"));
        } else {
            let shown: Vec<&str> = known.iter().copied().take(8).collect();
            let more = if known.len() > shown.len() { ", …" } else { "" };
            error = error.hint(format!("there is: {}{more}", shown.join(", ")));
        }
        error
    }

    pub fn why(mut self, why: impl Display) -> CliError {
        self.why = Some(why.to_string());
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> CliError {
        self.hints.push(hint.into());
        self
    }

    /// An error reply of a node, by its code word.
    pub fn from_reply(text: &str) -> CliError {
        let word = text.split(' ').next().unwrap_or_default();
        let rest = text.get(word.len()..).unwrap_or_default().trim();
        match word {
            "CLUSTERDOWN" | "TRYAGAIN" if rest.contains("outcome unknown") => {
                CliError::new(Exit::Timeout, rest).hint("read the key back before trying again")
            }
            "CLUSTERDOWN" | "TRYAGAIN" => {
                CliError::new(Exit::Unreachable, rest).hint("see which nodes are down: dcache cluster status")
            }
            "OOM" => CliError::new(Exit::Limit, "out of memory: the node evicts nothing that could make room")
                .why(text)
                .hint(
                    "raise the maximum or allow eviction: dcache namespace set NAME --memory-max SIZE --eviction lru",
                ),
            "NOAUTH" | "WRONGPASS" | "NOPERM" => CliError::new(Exit::Auth, rest),
            "NOPROTO" => CliError::new(Exit::Version, rest),
            _ if rest.contains("exceeds maximum allowed size") => CliError::new(Exit::Limit, rest),
            "ERR" => CliError::failed(rest),
            _ => CliError::failed(text),
        }
    }
}

/// The names nearest to a mistyped one, at most three, best first; none when nothing is near.
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Vec<&'a str> {
    let lower = name.to_lowercase();
    let mut near: Vec<(usize, &str)> = known
        .iter()
        .map(|&other| (dcache_node::distance(&lower, &other.to_lowercase()), other))
        .filter(|(distance, other)| *distance <= 2.max(other.len() / 3) || (lower.len() > 1 && other.starts_with(name)))
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(3).map(|(_, other)| other).collect()
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> CliError {
        let message = error.to_string();
        match error {
            ClientError::Endpoint { .. } => CliError::usage(message).hint("an endpoint is a control door, HOST:PORT"),
            ClientError::Unreachable { tried } => {
                let list: Vec<String> = tried.iter().map(|(endpoint, why)| format!("{endpoint}: {why}")).collect();
                CliError::new(Exit::Unreachable, "no endpoint answered")
                    .why(list.join("; "))
                    .hint("is it running? start a node: dcache node start, or a cluster: dcache cluster init --local 3")
                    .hint(
                        "another cluster: dcache context list, then -c NAME, or --endpoint HOST:PORT of a control door",
                    )
            }
            ClientError::Timeout { outcome_unknown, .. } => CliError::new(Exit::Timeout, message)
                .why(match outcome_unknown {
                    true => "the outcome is unknown: the change may have been made",
                    false => "nothing was changed",
                })
                .hint("give it longer: --timeout 60s"),
            ClientError::Lost { .. } => CliError::new(Exit::Unreachable, message)
                .why("whether the request took effect is unknown if it was a change"),
            ClientError::Api(error) => error.into(),
            ClientError::Malformed { .. } => {
                CliError::failed(message).hint("is this the control door of a dcache node? its default port is 7401")
            }
            ClientError::Version { .. } => {
                CliError::new(Exit::Version, message).hint("use the dcache program of the nodes' version")
            }
        }
    }
}

impl From<ApiError> for CliError {
    fn from(error: ApiError) -> CliError {
        let exit = match error.code {
            ErrorCode::Invalid => Exit::Usage,
            ErrorCode::NotFound => Exit::NotFound,
            ErrorCode::Conflict => Exit::Conflict,
            ErrorCode::Unavailable => Exit::Unreachable,
            ErrorCode::Timeout => Exit::Timeout,
            ErrorCode::Limit => Exit::Limit,
            ErrorCode::Internal => Exit::Failed,
        };
        CliError { exit, message: error.message, why: error.why, hints: error.hints, is_brief: false }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> CliError {
        let exit = if error.usage { Exit::Usage } else { Exit::Failed };
        CliError { exit, message: error.message, why: error.why, hints: error.hints, is_brief: false }
    }
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> CliError {
        match error {
            StartError::Config(error) => error.into(),
            failed => CliError::failed(failed.to_string()),
        }
    }
}

/// A chain of causes: the outermost is the message, the others are why.
impl From<anyhow::Error> for CliError {
    fn from(error: anyhow::Error) -> CliError {
        let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
        let failed = CliError::failed(error.to_string());
        if causes.is_empty() { failed } else { failed.why(causes.join(": ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_the_control_api_has_its_exit_code() {
        let exit = |code| CliError::from(ApiError { code, message: "x".into(), why: None, hints: Vec::new() }).exit;
        assert_eq!(exit(ErrorCode::Invalid), Exit::Usage);
        assert_eq!(exit(ErrorCode::NotFound), Exit::NotFound);
        assert_eq!(exit(ErrorCode::Conflict), Exit::Conflict);
        assert_eq!(exit(ErrorCode::Unavailable), Exit::Unreachable);
        assert_eq!(exit(ErrorCode::Timeout), Exit::Timeout);
        assert_eq!(exit(ErrorCode::Limit), Exit::Limit);
        assert_eq!(exit(ErrorCode::Internal), Exit::Failed);
    }

    #[test]
    fn error_replies_map_by_their_code_word() {
        let exit = |text| CliError::from_reply(text).exit;
        assert_eq!(exit("OOM command not allowed when used memory > 'maxmemory'."), Exit::Limit);
        assert_eq!(exit("ERR string exceeds maximum allowed size (proto-max-bulk-len)"), Exit::Limit);
        assert_eq!(exit("CLUSTERDOWN Hash slot not served: node n2 is down"), Exit::Unreachable);
        assert_eq!(exit("CLUSTERDOWN node n2 did not answer: outcome unknown"), Exit::Timeout);
        assert_eq!(exit("NOAUTH Authentication required."), Exit::Auth);
        assert_eq!(exit("NOPERM this user has no permissions"), Exit::Auth);
        assert_eq!(exit("WRONGTYPE Operation against a key"), Exit::Failed);
        assert_eq!(exit(""), Exit::Failed);
        assert_eq!(CliError::from_reply("ERR syntax error").message, "syntax error");
    }

    #[test]
    fn near_names_are_suggested() {
        let known = ["cache-a1", "cache-a2", "cache-b1", "other"];
        assert_eq!(nearest("cache-a3", &known), ["cache-a1", "cache-a2", "cache-b1"]);
        assert_eq!(nearest("othr", &known), ["other"]);
        assert!(nearest("zzzzzz", &known).is_empty());
        assert_eq!(CliError::no_such("node", "othr", known).hints, ["did you mean other?"]);
        assert!(CliError::no_such("node", "zzzzzz", known).hints[0].starts_with("there is: cache-a1"));
    }
}

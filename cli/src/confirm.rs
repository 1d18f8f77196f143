//! Questions before danger. Moderate: a plan and `[y/N]`. Severe, or in a protected context: type the name.
//!
//! In a script nobody can be asked: moderate needs `--yes`, severe `--yes` and `--confirm NAME`. What is declined is exit code 11,
//! what could not be asked is exit code 2 with the missing flag named.

use crate::args::Global;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::Output;
use std::io::{self, BufRead, IsTerminal, Read};

/// How bad a mistake would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Danger<'a> {
    Moderate,
    /// The name to type.
    Severe(&'a str),
}

/// Longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 4096;

/// Asks unless the flags answer. `protected` is the name of the context when it is a protected one.
pub fn confirm(
    global: &Global,
    out: &Output,
    question: &str,
    danger: Danger<'_>,
    protected: Option<&str>,
) -> Result<()> {
    let name = match (danger, protected) {
        (_, Some(context)) => Some(context),
        (Danger::Severe(name), None) => Some(name),
        (Danger::Moderate, None) => None,
    };
    let answered = global.yes && name.is_none_or(|name| global.confirm.as_deref() == Some(name));
    if answered {
        return Ok(());
    }
    if let (Some(name), Some(given)) = (name, &global.confirm)
        && given != name
    {
        return Err(CliError::usage(format!("--confirm says {given:?}, this needs {name:?}")));
    }
    if global.no_input || !io::stdin().is_terminal() {
        let flags = match name {
            Some(name) => format!("--yes --confirm {name}"),
            None => "--yes".to_string(),
        };
        return Err(CliError::usage(format!("this needs an answer: {question}"))
            .why("nobody can be asked here")
            .hint(format!("if you mean it, add {flags}")));
    }
    let is_yes = match name {
        Some(name) => {
            out.ask(&format!("{question}\nType {name} to go on: "));
            read_answer()? == name
        }
        None => {
            out.ask(&format!("{question} [y/N] "));
            matches!(read_answer()?.to_ascii_lowercase().as_str(), "y" | "yes")
        }
    };
    if is_yes { Ok(()) } else { Err(CliError::brief(Exit::Declined, "declined; nothing was changed")) }
}

fn read_answer() -> Result<String> {
    let mut answer = String::new();
    let read = io::stdin().lock().take(ANSWER_BYTES_MAX).read_line(&mut answer);
    read.map_err(|error| CliError::failed("cannot read the answer").why(error))?;
    Ok(answer.trim().to_string())
}

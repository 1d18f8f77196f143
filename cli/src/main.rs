//! The binary `dcache`: parse, run, print what went wrong, end with the exit code that says so.

mod args;
mod bug;
mod command;
mod complete;
mod confirm;
mod encoding;
mod error;
mod exit;
mod help;
mod output;
mod profile;

use args::{Cli, Colour, Format};
use clap::FromArgMatches;
use clap::error::ErrorKind;
use error::CliError;
use exit::Exit;
use output::Output;
use std::process::ExitCode;

fn main() -> ExitCode {
    bug::install();
    let exit = std::panic::catch_unwind(run).unwrap_or(Exit::Bug);
    ExitCode::from(exit.code())
}

fn run() -> Exit {
    if complete::answer(help::tree) {
        return Exit::Ok;
    }
    bug::on_demand();
    let (cli, out) = match parse() {
        Ok(parsed) => parsed,
        Err(exit) => return exit,
    };
    match command::run(cli, &out) {
        Ok(exit) => exit,
        Err(error) => {
            out.error(&error);
            error.exit
        }
    }
}

/// Parses the command line; prints help, the version, or what is wrong with it.
fn parse() -> Result<(Cli, Output), Exit> {
    let words: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let (format, colour) = guess(&words);
    let early = Output::before_parsing(format, colour);
    let parsed = help::tree().try_get_matches_from(&words).and_then(|matches| Cli::from_arg_matches(&matches));
    let error = match parsed {
        Ok(cli) => {
            let out = Output::new(&cli.global);
            return Ok((cli, out));
        }
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match early.page(&error.render()) {
            Ok(()) => Err(Exit::Ok),
            Err(error) => {
                early.error(&error);
                Err(error.exit)
            }
        },
        _ => {
            let text = error.render().to_string();
            early.error(&usage_error(text.trim_end()));
            Err(Exit::Usage)
        }
    }
}

/// clap's message in our form: its first line is what failed, tips are hints, the usage comes last.
fn usage_error(text: &str) -> CliError {
    let mut lines = text.lines();
    let message = lines.next().unwrap_or_default().trim_start_matches("error: ");
    let mut error = CliError::usage(message);
    let mut details = Vec::new();
    for line in lines.map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix("tip: ").or_else(|| line.strip_prefix("Usage: ").map(|_| line)) {
            Some(hint) => error = error.hint(hint),
            None if line.starts_with("For more information") => {}
            None => details.push(line),
        }
    }
    if !details.is_empty() {
        error = error.why(details.join("\n"));
    }
    error
}

/// Output format and colour as far as they can be told from words that may not parse.
fn guess(words: &[std::ffi::OsString]) -> (Format, Colour) {
    let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    let value_of = |names: &[&str]| {
        words.iter().enumerate().find_map(|(position, word)| {
            names.iter().find_map(|name| match word.strip_prefix(name)? {
                "" => words.get(position + 1).copied(),
                rest => rest.strip_prefix('=').or((!name.starts_with("--")).then_some(rest)),
            })
        })
    };
    let variable = std::env::var("DCACHE_OUTPUT").ok();
    let format = match value_of(&["-o", "--output"]).or(variable.as_deref()) {
        Some("json") => Format::Json,
        Some("ndjson") => Format::Ndjson,
        _ => Format::Table,
    };
    let colour = match value_of(&["--color"]) {
        Some("always") => Colour::Always,
        Some("never") => Colour::Never,
        _ => Colour::Auto,
    };
    (format, colour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_told_from_words_that_do_not_parse() {
        let guess = |words: &[&str]| guess(&words.iter().map(Into::into).collect::<Vec<_>>());
        assert_eq!(guess(&["dcache", "gte", "-o", "json"]).0, Format::Json);
        assert_eq!(guess(&["dcache", "-ojson"]).0, Format::Json);
        assert_eq!(guess(&["dcache", "--output=ndjson"]).0, Format::Ndjson);
        assert_eq!(guess(&["dcache", "--color", "never"]).1, Colour::Never);
        assert_eq!(guess(&["dcache", "-o"]).0, Format::Table);
    }

    #[test]
    fn what_clap_says_takes_our_form() {
        let error = help::tree().try_get_matches_from(["dcache", "scna"]).expect_err("unknown");
        let error = usage_error(error.render().to_string().trim_end());
        assert_eq!(error.message, "unrecognized subcommand 'scna'");
        assert!(error.hints.iter().any(|hint| hint.contains("'scan'")), "{error:?}");
        assert_eq!(error.exit, Exit::Usage);
    }
}

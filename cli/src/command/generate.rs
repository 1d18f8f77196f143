//! Completions, man pages and help, all made from the command tree. `completions/` and `man/` are what `--out` writes; a test
//! sees to it that they are fresh.

use super::{App, commands};
use crate::args::manual::{Completions, Man};
use crate::complete;
use crate::error::{CliError, Result, nearest};
use crate::exit::Exit;
use crate::help::{self, TOPICS};
use anyhow::Context as _;
use clap::Command;
use clap_complete::Shell;
use clap_mangen::roff::{Roff, bold, roman};
use std::fs;
use std::path::Path;

const SHELLS: [(Shell, &str); 5] = [
    (Shell::Bash, "dcache.bash"),
    (Shell::Fish, "dcache.fish"),
    (Shell::Zsh, "_dcache"),
    (Shell::PowerShell, "dcache.ps1"),
    (Shell::Elvish, "dcache.elv"),
];

pub fn completions(app: &App, args: &Completions) -> Result<Exit> {
    if let Some(dir) = &args.out {
        for (shell, file) in SHELLS {
            write(dir, file, &static_completions(shell))?;
        }
        return Ok(Exit::Ok);
    }
    let shell = args.shell.ok_or_else(|| CliError::usage("which shell?"))?;
    let script = match args.dynamic {
        false => static_completions(shell),
        true => {
            let program = std::env::current_exe().context("cannot find this program's own file")?;
            complete::registration(shell, &program.to_string_lossy()).context("cannot make the completions")?
        }
    };
    app.out.data(&script)?;
    Ok(Exit::Ok)
}

fn static_completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut help::tree(), "dcache", &mut script);
    script
}

fn write(dir: &Path, file: &str, bytes: &[u8]) -> Result<()> {
    let path = dir.join(file);
    let written = fs::create_dir_all(dir).and_then(|()| fs::write(&path, bytes));
    written.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

pub fn man(app: &App, args: &Man) -> Result<Exit> {
    let mut tree = help::tree();
    tree.build();
    if let Some(dir) = &args.out {
        let mut pages = Vec::new();
        collect(&tree, "", &mut pages)?;
        pages.push(("dcache-exit-codes.7".into(), exit_codes_page()?));
        pages.push(("dcache-commands.7".into(), rendered(&commands::page())?));
        pages.push(("dcache.yaml.5".into(), config_page()?));
        return pages.iter().try_for_each(|(file, page)| write(dir, file, page)).map(|()| Exit::Ok);
    }
    let page = match args.page.join(" ").as_str() {
        "exit-codes" => exit_codes_page()?,
        "commands" => rendered(&commands::page())?,
        "config" => config_page()?,
        path => page(find(&tree, &args.page)?, path)?,
    };
    app.out.data(&page)?;
    Ok(Exit::Ok)
}

/// The command of these words.
fn find<'a>(tree: &'a Command, words: &[String]) -> Result<&'a Command> {
    words.iter().try_fold(tree, |command, word| {
        command.find_subcommand(word).ok_or_else(|| {
            let known: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            let known: Vec<&str> =
                if command.get_name() == "dcache" { [known, TOPICS.to_vec()].concat() } else { known };
            let error = CliError::usage(format!("no command or topic {:?}", words.join(" ")));
            match nearest(word, &known) {
                near if near.is_empty() => error.hint(format!("there is: {}", known.join(", "))),
                near => error.hint(format!("did you mean {}?", near.join(", "))),
            }
        })
    })
}

fn collect(command: &Command, path: &str, pages: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    pages.push((format!("{}.1", page_name(path)), page(command, path)?));
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let path = if path.is_empty() { sub.get_name().to_string() } else { format!("{path} {}", sub.get_name()) };
        collect(sub, &path, pages)?;
    }
    Ok(())
}

fn page_name(path: &str) -> String {
    if path.is_empty() { "dcache".into() } else { format!("dcache-{}", path.replace(' ', "-")) }
}

/// One page, its sections put together here: clap_mangen would put examples into a section called EXTRA.
fn page(command: &Command, path: &str) -> Result<Vec<u8>> {
    let man = clap_mangen::Man::new(command.clone())
        .title(page_name(path).to_uppercase())
        .source(format!("dcache {}", dcache_protocol::VERSION))
        .manual("dcache");
    let mut bytes = Vec::new();
    let mut render = || -> std::io::Result<()> {
        man.render_title(&mut bytes)?;
        man.render_name_section(&mut bytes)?;
        man.render_synopsis_section(&mut bytes)?;
        man.render_description_section(&mut bytes)?;
        man.render_options_section(&mut bytes)?;
        if command.has_subcommands() {
            man.render_subcommands_section(&mut bytes)?;
        }
        examples(path).to_writer(&mut bytes)?;
        see_also(path).to_writer(&mut bytes)
    };
    render().context("cannot make a man page")?;
    Ok(bytes)
}

fn examples(path: &str) -> Roff {
    let mut roff = Roff::new();
    if let Some(examples) = help::examples_of(path) {
        roff.control("SH", ["EXAMPLES"]);
        for (line, about) in examples {
            roff.control("TP", []);
            roff.text([bold(*line)]);
            roff.text([roman(*about)]);
        }
    }
    roff
}

fn see_also(path: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    roff.text([roman("See dcache-exit-codes(7).")]);
    roff.control("SH", ["SEE ALSO"]);
    let parent = path.rsplit_once(' ').map(|(noun, _)| format!("dcache-{noun}(1), "));
    let parent = parent.unwrap_or_else(|| if path.is_empty() { String::new() } else { "dcache(1), ".into() });
    roff.text([roman(format!("{parent}dcache-exit-codes(7), dcache-commands(7), dcache.yaml(5)"))]);
    roff
}

fn exit_codes_page() -> Result<Vec<u8>> {
    let mut roff = Roff::new();
    roff.control("TH", ["DCACHE-EXIT-CODES", "7", "", &format!("dcache {}", dcache_protocol::VERSION), "dcache"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("dcache-exit-codes - what the exit codes of dcache mean")]);
    roff.control("SH", ["DESCRIPTION"]);
    for exit in Exit::ALL {
        roff.control("TP", []);
        roff.text([bold(format!("{} {}", exit.code(), exit.name()))]);
        roff.text([roman(exit.meaning())]);
    }
    let text = help::topic("exit-codes").unwrap_or_default();
    let notes = text.rsplit("\n\n").next().unwrap_or_default();
    roff.control("SH", ["NOTES"]);
    notes.lines().for_each(|line| {
        roff.text([roman(line)]);
    });
    rendered(&roff)
}

fn config_page() -> Result<Vec<u8>> {
    let mut roff = Roff::new();
    roff.control("TH", ["DCACHE.YAML", "5", "", &format!("dcache {}", dcache_protocol::VERSION), "dcache"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("dcache.yaml - contexts, node and cluster files of dcache")]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.control("nf", []);
    help::topic("config").unwrap_or_default().lines().for_each(|line| {
        roff.text([roman(line)]);
    });
    roff.control("fi", []);
    rendered(&roff)
}

fn rendered(roff: &Roff) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    roff.to_writer(&mut bytes).context("cannot make a man page")?;
    Ok(bytes)
}

pub fn help(app: &App, words: &[String]) -> Result<Exit> {
    let mut tree = help::tree();
    let text = match words {
        [] => Some(help::top_page(&tree)),
        [topic, words @ ..] if topic == "commands" => Some(commands::text(words)?),
        [name] => help::topic(name),
        _ => None,
    };
    if let Some(text) = text {
        app.out.data(text.as_bytes())?;
        return Ok(Exit::Ok);
    }
    tree.build();
    let page = find(&tree, words)?.clone().render_long_help();
    app.out.page(&page)?;
    Ok(Exit::Ok)
}

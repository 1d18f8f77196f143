//! `dcache top`: opens the dashboard, or prints one look at the cluster.

use super::{App, cluster, is_describing};
use crate::args::figures::{Top, TopScreen};
use crate::error::{CliError, Result};
use crate::exit::Exit;
use dcache_tui::{Options, Screen};
use std::io::{self, IsTerminal};
use std::time::Duration;

/// How long one poll may take: a screen that waits longer is a screen that lies.
const POLL_TIMEOUT_MAX: Duration = Duration::from_secs(3);

const REFRESH_MIN: Duration = Duration::from_millis(200);
const REFRESH_MAX: Duration = Duration::from_secs(3600);

pub async fn top(app: &App, args: &Top) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(&[], "Snapshot", &["cluster", "partitions"])?;
        return Ok(Exit::Ok);
    }
    if !(REFRESH_MIN..=REFRESH_MAX).contains(&args.refresh) {
        return Err(CliError::usage("--refresh must be 200ms to 1h"));
    }
    let target = app.target()?;
    if args.once {
        let snapshot = dcache_tui::once(&app.control()?).await?;
        match app.out.is_machine() {
            true => app.out.object("Snapshot", &snapshot)?,
            false => cluster::print(app, &snapshot.cluster)?,
        }
        return Ok(Exit::Ok);
    }
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(CliError::usage("the dashboard needs a terminal").hint("one snapshot: dcache top --once -o json"));
    }
    let options = Options {
        // Watching requests would write over the screen, so these are not traced.
        control: dcache_client::Control::new(&target.endpoints, app.global.timeout.min(POLL_TIMEOUT_MAX))?,
        protected: target.protected,
        read_only: args.read_only,
        patience: app.global.timeout,
        context: target.context.unwrap_or_else(|| target.endpoints.join(",")),
        refresh: args.refresh,
        screen: match args.screen {
            TopScreen::Overview => Screen::Overview,
            TopScreen::Nodes => Screen::Nodes,
            TopScreen::Slots => Screen::Slots,
            TopScreen::Replication => Screen::Replication,
            TopScreen::Rebalance => Screen::Rebalance,
        },
        colour: app.out.has_colour(),
        ascii: args.ascii || !is_utf8_locale(|name| std::env::var(name).ok()),
    };
    dcache_tui::run(options).await?;
    Ok(Exit::Ok)
}

/// What the locale says of characters; the first variable that is set decides. Without any, UTF-8 is what terminals speak.
fn is_utf8_locale(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    match ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set) {
        Some(locale) => {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        }
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_decides_about_ascii() {
        let with = |all: &str, lang: &str| {
            is_utf8_locale(|name| match name {
                "LC_ALL" => Some(all.into()),
                "LANG" => Some(lang.into()),
                _ => None,
            })
        };
        assert!(with("", "de_DE.UTF-8") && with("", "") && with("C.utf8", "C"));
        assert!(!with("C", "de_DE.UTF-8") && !with("", "POSIX"));
    }
}

//! One match: verb → function. What they share: flags, output, and the cluster this run talks to.

mod cluster;
pub mod commands;
mod context;
mod door;
mod events;
mod generate;
mod init;
mod key;
pub mod local;
mod membership;
mod namespace;
mod node;
mod operation;
mod plan;
mod process;
mod rebalance;
mod scan;
mod signals;
mod stats;
mod top;
mod upgrade;
mod version;

use crate::args::cluster::Cluster;
use crate::args::node::Node;
use crate::args::{Cli, Format, Global, Verb};
use crate::confirm::{Danger, confirm};
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::help;
use crate::output::{Output, show_bytes};
use crate::profile::{Profiles, Target};
use dcache_client::{Control, Exchange};
use std::time::Duration;

/// What every command is given.
#[derive(Clone, Debug)]
pub struct App {
    pub global: Global,
    pub out: Output,
}

impl App {
    pub fn target(&self) -> Result<Target> {
        Profiles::load()?.target(&self.global)
    }

    /// The control API of the cluster that is meant.
    pub fn control(&self) -> Result<Control> {
        self.control_at(&self.target()?.endpoints, self.global.timeout)
    }

    /// The control API at these endpoints.
    pub fn control_at(&self, endpoints: &[String], timeout: Duration) -> Result<Control> {
        let control = Control::new(endpoints, timeout)?;
        if self.out.verbose == 0 {
            return Ok(control);
        }
        let out = self.out.clone();
        Ok(control.watched(move |exchange| trace(&out, exchange)))
    }

    /// Asks before something dangerous; in a protected context by that context's name.
    pub fn confirm(&self, question: &str, danger: Danger<'_>, target: &Target) -> Result<()> {
        confirm(&self.global, &self.out, question, danger, target.protected_name())
    }
}

fn trace(out: &Output, exchange: &Exchange<'_>) {
    let ms = exchange.took.as_secs_f64() * 1000.0;
    let result = match exchange.answer {
        Ok((status, body)) => format!("{status}, {} bytes", body.len()),
        Err(why) => why.to_string(),
    };
    out.trace(&format!("{} {}: {result}, {ms:.1} ms", exchange.method, exchange.url));
    if out.verbose > 1 {
        let received = exchange.answer.map_or(&[][..], |(_, body)| body);
        for (arrow, body) in [(">", exchange.sent), ("<", received)] {
            if !body.is_empty() {
                out.trace(&format!("{arrow} {}", show_bytes(body)));
            }
        }
    }
}

/// Runs one command to its end.
pub fn run(cli: Cli, out: &Output) -> Result<Exit> {
    let app = App { global: cli.global, out: out.clone() };
    let Some(verb) = cli.verb else {
        out.data(help::top_page(&help::tree()).as_bytes())?;
        return Ok(Exit::Ok);
    };
    // A node makes its own runtimes, so it starts outside of one.
    match verb {
        Verb::Node(Node::Start(args)) => node::start(&app, *args),
        Verb::Completions(args) => generate::completions(&app, &args),
        Verb::Man(args) => generate::man(&app, &args),
        Verb::Help(args) => generate::help(&app, &args.topic),
        verb => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| CliError::failed("cannot make the runtime").why(error))?;
            runtime.block_on(dispatch(&app, verb))
        }
    }
}

async fn dispatch(app: &App, verb: Verb) -> Result<Exit> {
    match verb {
        Verb::Get(args) => key::get(app, &args).await,
        Verb::Mget(args) => key::mget(app, &args).await,
        Verb::Set(args) => key::set(app, &args).await,
        Verb::Del(args) => key::del(app, &args).await,
        Verb::Exists(args) => key::exists(app, &args).await,
        Verb::Ttl(args) => key::ttl(app, &args).await,
        Verb::Incr(args) => key::incr(app, &args).await,
        Verb::Scan(args) => scan::scan(app, &args).await,
        Verb::Node(Node::List) => node::list(app).await,
        Verb::Node(Node::Show(args)) => node::show(app, &args.node).await,
        Verb::Cluster(Cluster::Init(args)) => init::init(app, &args).await,
        Verb::Cluster(Cluster::Status(args)) => cluster::status(app, &args).await,
        Verb::Cluster(Cluster::Add(args)) => membership::add(app, &args).await,
        Verb::Cluster(Cluster::Drain(args)) => membership::drain(app, &args).await,
        Verb::Cluster(Cluster::Undrain(args)) => membership::undrain(app, &args).await,
        Verb::Cluster(Cluster::Remove(args)) => membership::remove(app, &args).await,
        Verb::Cluster(Cluster::Forget(args)) => membership::forget(app, &args).await,
        Verb::Cluster(Cluster::Maintenance(args)) => membership::maintenance(app, &args).await,
        Verb::Cluster(Cluster::Failover(args)) => cluster::failover(app, &args).await,
        Verb::Cluster(Cluster::Upgrade(verb)) => upgrade::run(app, verb).await,
        Verb::Cluster(Cluster::Destroy(args)) => local::destroy(app, &args).await,
        Verb::Rebalance(args) => rebalance::run(app, *args).await,
        Verb::Op(verb) => operation::run(app, verb).await,
        Verb::Namespace(verb) => namespace::run(app, verb).await,
        Verb::Stats(args) => stats::stats(app, &args).await,
        Verb::Events(args) => events::events(app, &args).await,
        Verb::Top(args) => top::top(app, &args).await,
        Verb::Context(verb) => context::run(app, verb).await,
        Verb::Version => version::version(app).await,
        Verb::Node(Node::Start(_)) | Verb::Completions(_) | Verb::Man(_) | Verb::Help(_) => {
            Err(CliError::new(Exit::Bug, "this command runs outside of the runtime"))
        }
    }
}

/// Whether only a description of the command's output is asked for.
pub fn is_describing(app: &App) -> bool {
    app.global.output == Format::Help
}

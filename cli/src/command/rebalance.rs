//! `dcache rebalance`: plan, look, apply. Watching and steering what is under way is `operation.rs`'s, which knows every kind.

use super::{App, is_describing, operation, plan};
use crate::args::operation::{PaceFlags, StartFlags, WaitFlags};
use crate::args::rebalance::{PlanFlags, Rebalance, RebalanceApply, RebalanceVerb};
use crate::confirm::Danger;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::clean;
use dcache_client::Control;
use dcache_protocol::PartitionId;
use dcache_protocol::operation::{OperationKind, Pace, Plan, PlanRequest, StartRequest};

const KINDS: &[OperationKind] = &[OperationKind::Rebalance];

pub async fn run(app: &App, args: Rebalance) -> Result<Exit> {
    let Rebalance { verb, plan, out, exit_code, flags, pace, wait } = args;
    let Some(verb) = verb else {
        if plan {
            return show(app, &flags, &pace, out.as_deref(), exit_code).await;
        }
        let start = StartFlags { dry_run: false, force: None, pace, wait };
        return apply(app, &RebalanceApply { file: None, flags, start }).await;
    };
    let is_given =
        plan || flags != PlanFlags::default() || pace != PaceFlags::default() || wait != WaitFlags::default();
    if is_given {
        return Err(CliError::usage("flags of rebalance go after its verb")
            .hint("as in: dcache rebalance apply --rate 40MiB/s"));
    }
    match verb {
        RebalanceVerb::Apply(args) => apply(app, &args).await,
        RebalanceVerb::Watch(args) => operation::watch(app, &args, KINDS).await,
        RebalanceVerb::Pause(args) => operation::pause(app, &args, KINDS).await,
        RebalanceVerb::Resume(args) => operation::resume(app, &args, KINDS).await,
        RebalanceVerb::Cancel(args) => operation::cancel(app, &args, KINDS).await,
        RebalanceVerb::Throttle(args) => operation::throttle(app, &args, KINDS).await,
        RebalanceVerb::List => operation::list(app, |status| KINDS.contains(&status.kind)).await,
    }
}

async fn make(control: &Control, flags: &PlanFlags) -> Result<Plan> {
    let request = PlanRequest {
        by: flags.by.unwrap_or_default(),
        pins: flags.pins.iter().copied().map(PartitionId).collect(),
        ..PlanRequest::of(OperationKind::Rebalance)
    };
    Ok(control.plan(&request).await?)
}

/// `--plan`: the plan is the answer.
async fn show(
    app: &App,
    flags: &PlanFlags,
    pace: &PaceFlags,
    path: Option<&std::path::Path>,
    exit_code: bool,
) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(plan::COLUMNS, "Plan", plan::FIELDS)?;
        return Ok(Exit::Ok);
    }
    let made = make(&app.control()?, flags).await?;
    if let Some(path) = path {
        plan::save(app, &made, path)?;
    }
    answer(app, &made, &pace.on(Pace::default()))?;
    match path {
        _ if made.moves.is_empty() => {}
        Some(path) => app.out.next(&format!("dcache rebalance apply {}", clean(&path.display().to_string()))),
        None => app.out.next("keep it: dcache rebalance --plan --out plan.yaml     run it: dcache rebalance apply"),
    }
    Ok(if exit_code && !made.moves.is_empty() { Exit::Changes } else { Exit::Ok })
}

/// A plan as data. With `--quiet` and no other form asked for, only the exit code is wanted.
fn answer(app: &App, made: &Plan, pace: &Pace) -> Result<()> {
    if app.out.is_machine() {
        return app.out.object("Plan", made);
    }
    if app.out.format == crate::args::Format::Name {
        return app.out.line(&clean(&made.id));
    }
    if app.out.quiet {
        return Ok(());
    }
    app.out.line(plan::rebalance_text(&app.out, made, pace)?.trim_end())
}

async fn apply(app: &App, args: &RebalanceApply) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(plan::COLUMNS, "Plan (with --dry-run)", plan::FIELDS)?;
        return Ok(Exit::Ok);
    }
    let StartFlags { dry_run, force, pace, wait } = &args.start;
    let control = app.control()?;
    let made = match &args.file {
        None => make(&control, &args.flags).await?,
        Some(_) if args.flags != PlanFlags::default() => {
            return Err(CliError::usage("--by and --pin are for a new plan, and the file has one")
                .hint("make a new plan: dcache rebalance --plan --by ... --out plan.yaml"));
        }
        Some(path) => {
            let read = plan::load(path)?;
            if read.kind != OperationKind::Rebalance {
                return Err(CliError::usage(format!("{} is the plan of a {}", path.display(), read.kind))
                    .hint(format!("start that with its own verb: dcache cluster {}", read.kind)));
            }
            // Only to learn of which topology the cluster is now: before anybody is asked about a plan that cannot be.
            let now = make(&control, &PlanFlags::default()).await?;
            if read.cluster == now.cluster && read.epoch != now.epoch {
                return Err(plan::stale(&read, now.epoch));
            }
            read
        }
    };
    let pace = pace.on(Pace::default());
    if *dry_run {
        answer(app, &made, &pace)?;
        app.out.say("no changes made");
        return Ok(Exit::Ok);
    }
    if made.moves.is_empty() {
        app.out.say(&format!("nothing to move: imbalance {:.1} %", made.imbalance_after));
        return Ok(Exit::Ok);
    }
    if let Some(running) = operation::under_way(&control).await? {
        return Err(operation::is_under_way(&running));
    }
    app.out.say(plan::rebalance_text(&app.out, &made, &pace)?.trim_end());
    let question = format!("Move {}?", plan::partitions(made.moves.len() as u64));
    app.confirm(&question, Danger::Moderate, &app.target()?)?;
    let after = format!("; imbalance {:.1} %", made.imbalance_after);
    let force = force.iter().map(|check| check.name().to_string()).collect();
    let request = StartRequest { plan: made, pace, force };
    operation::start(app, &control, &request, wait, Some(after)).await
}

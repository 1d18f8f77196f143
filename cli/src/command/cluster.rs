//! `dcache cluster status`: one line of health, the nodes, what an operator should know; and `failover`. Forming is in `init.rs`,
//! who is of the cluster in `membership.rs`.

use super::{App, is_describing, node};
use crate::args::Format;
use crate::args::cluster::{ClusterFailover, ClusterStatusArgs};
use crate::confirm::Danger;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{Style, clean, paint};
use dcache_client::Control;
use dcache_protocol::control::{ClusterStatus, Envelope, FailoverResult, Finding, Health, Level, OperationBrief};
use std::time::Duration;

/// Warnings that `--check` takes as seriously as what is critical: a copy is missing, a node does not answer, an operation is
/// not finished. Green must mean that one more loss costs nothing and that nobody has to come back.
const NEVER_GREEN: [&str; 4] = ["COPY-02", "NODE-02", "OPER-01", "OPER-02"];

pub async fn status(app: &App, args: &ClusterStatusArgs) -> Result<Exit> {
    if is_describing(app) {
        let fields = [
            "name",
            "id",
            "formed",
            "epoch",
            "level",
            "leader",
            "quorum",
            "health",
            "findings",
            "partitions",
            "partitionsServed",
            "copies",
            "partitionsInSync",
            "partitionsMoving",
            "operation",
            "slotsUnserved",
            "nodes",
            "answeredBy",
            "atUnixMs",
            "collectedInMs",
        ];
        app.out.describe(node::COLUMNS, "ClusterStatus", &fields)?;
        return Ok(Exit::Ok);
    }
    let control = app.control()?;
    if let Some(every) = args.watch {
        return watch(app, &control, every).await;
    }
    let status = control.cluster().await?;
    if !(args.check && app.out.quiet) {
        print(app, &status)?;
    }
    Ok(if args.check && !is_well(&status, args.strict) { Exit::Unhealthy } else { Exit::Ok })
}

fn is_well(status: &ClusterStatus, strict: bool) -> bool {
    let is_grave = |finding: &Finding| NEVER_GREEN.contains(&finding.check.as_str());
    match status.health {
        Health::Healthy => true,
        Health::Degraded => !strict && !status.findings.iter().any(is_grave),
        Health::Critical => false,
    }
}

/// Has other nodes take over what one serves.
pub async fn failover(app: &App, args: &ClusterFailover) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(&[], "FailoverResult", &["node", "moved", "kept", "tookMs"])?;
        return Ok(Exit::Ok);
    }
    let control = app.control()?;
    let status = control.cluster().await?;
    let Some(node) = status.nodes.iter().find(|node| node.name == args.node) else {
        return Err(CliError::no_such("node", &args.node, status.nodes.iter().map(|node| node.name.as_str())));
    };
    let name = clean(&node.name);
    if node.partitions == 0 {
        app.out.say(&format!("{name} serves nothing already"));
    } else if args.dry_run {
        app.out.say(&format!(
            "would hand over the {} partitions {name} serves, as far as they have copies in sync",
            node.partitions
        ));
        app.out.say("no changes made");
        return Ok(Exit::Ok);
    } else {
        let question = format!("Have other nodes take over the {} partitions {name} serves?", node.partitions);
        let target = app.target()?;
        if target.protected {
            app.confirm(&question, Danger::Moderate, &target)?;
        }
    }
    let result = control.failover(&args.node).await?;
    if app.out.is_machine() {
        app.out.object("FailoverResult", &result)?;
    }
    Ok(tell_failover(app, &result))
}

/// Says what was handed over, and what was not.
pub fn tell_failover(app: &App, result: &FailoverResult) -> Exit {
    let (name, seconds) = (clean(&result.node), result.took_ms as f64 / 1000.0);
    if result.moved > 0 {
        let sign = paint(Style::Green, "✔");
        app.out.say(&format!("{sign} {} partitions of {name} taken over in {seconds:.2} s", result.moved));
    }
    if result.kept > 0 {
        app.out.say(&format!(
            "{} {} partitions stay: no other copy of them is in sync",
            paint(Style::Yellow, "▲"),
            result.kept
        ));
        return Exit::Partial;
    }
    Exit::Ok
}

/// Draws again and again until a signal ends it; a round that fails says so and the next one follows.
async fn watch(app: &App, control: &Control, every: Duration) -> Result<Exit> {
    loop {
        let answer = control.cluster().await;
        let is_drawing = app.out.is_terminal && !app.out.is_machine();
        if is_drawing {
            // Home, and everything below it cleared.
            app.out.data(b"\x1b[H\x1b[2J")?;
        }
        match answer {
            Ok(status) if app.out.is_machine() && app.out.format != Format::Yaml => {
                app.out.json_line(&Envelope::new("ClusterStatus", &status))?;
            }
            Ok(status) => {
                print(app, &status)?;
                if !is_drawing && !app.out.is_machine() {
                    app.out.line("")?;
                }
            }
            Err(error) => app.out.error(&error.into()),
        }
        tokio::time::sleep(every).await;
    }
}

/// The status in the form that was asked for.
pub fn print(app: &App, status: &ClusterStatus) -> Result<()> {
    let out = &app.out;
    if out.is_machine() {
        return out.object("ClusterStatus", status);
    }
    if out.format == Format::Name {
        return out.table(&node::table(status));
    }
    out.line(&head(status))?;
    if let Some(operation) = &status.operation {
        out.line(&operation_line(operation))?;
    }
    out.table(&node::table(status))?;
    for finding in &status.findings {
        finding_lines(finding).iter().try_for_each(|line| out.line(line))?;
    }
    if let Some(node) = status.findings.iter().find_map(|finding| finding.node.as_deref()) {
        out.next(&format!("dcache node show {}", clean(node)));
    }
    Ok(())
}

fn head(status: &ClusterStatus) -> String {
    let health = match status.health {
        Health::Healthy => paint(Style::Green, "✔ HEALTHY"),
        Health::Degraded => paint(Style::Yellow, "▲ DEGRADED"),
        Health::Critical => paint(Style::Red, "✖ CRITICAL"),
    };
    let answering = status.nodes.iter().filter(|node| node.reachable).count();
    let moving = match status.partitions_moving {
        0 => String::new(),
        count => format!("   {count} moving"),
    };
    format!(
        "{}   {health}   {answering}/{} nodes   {}/{} partitions{moving}   epoch {}",
        paint(Style::Bold, &clean(&status.name)),
        status.nodes.len(),
        status.partitions_served,
        status.partitions,
        status.epoch
    )
}

/// `operation 0b58   drain of n2   running   338 of 512 moves`.
pub fn operation_line(operation: &OperationBrief) -> String {
    let OperationBrief { id, kind, nodes, state, held, .. } = operation;
    let nodes: Vec<String> = nodes.iter().map(|name| clean(name)).collect();
    let of = if nodes.is_empty() { String::new() } else { format!(" of {}", nodes.join(", ")) };
    let waits = held.as_ref().map(|why| format!("   waits: {}", clean(why))).unwrap_or_default();
    format!("operation {id}   {kind}{of}   {state}   {}{waits}", operation.how_far())
}

/// A finding in one line, and what to do about it in another.
pub fn finding_lines(finding: &Finding) -> Vec<String> {
    let sign = match finding.level {
        Level::Info => "·".to_string(),
        Level::Warning => paint(Style::Yellow, "▲"),
        Level::Critical => paint(Style::Red, "✖"),
    };
    let mut lines = vec![format!("  {sign} {}  {}", clean(&finding.check), clean(&finding.message))];
    lines.extend(finding.hint.iter().map(|hint| format!("      do: {}", clean(hint))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use dcache_protocol::Epoch;

    #[test]
    fn a_check_is_never_green_with_a_copy_a_node_or_the_end_of_an_operation_missing() {
        let well = |level, health, check: &str, strict| {
            let finding = Finding { level, check: check.into(), message: "x".into(), hint: None, node: None };
            let status = ClusterStatus {
                name: "c".into(),
                id: String::new(),
                formed: true,
                epoch: Epoch(1),
                level: 1,
                leader: None,
                quorum: true,
                health,
                findings: vec![finding],
                partitions: 1,
                partitions_served: 1,
                copies: 1,
                partitions_in_sync: 1,
                partitions_moving: 0,
                operation: None,
                slots_unserved: Vec::new(),
                nodes: Vec::new(),
                answered_by: "n1".into(),
                at_unix_ms: 0,
                collected_in_ms: 0,
            };
            is_well(&status, strict)
        };
        for check in NEVER_GREEN {
            assert!(!well(Level::Warning, Health::Degraded, check, false), "{check}");
        }
        assert!(well(Level::Warning, Health::Degraded, "VERS-01", false));
        assert!(!well(Level::Warning, Health::Degraded, "VERS-01", true));
        assert!(!well(Level::Critical, Health::Critical, "META-01", false));
        assert!(well(Level::Info, Health::Healthy, "NODE-09", true));
    }
}

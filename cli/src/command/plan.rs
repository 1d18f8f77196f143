//! Plans as people read them, and as files: what would move, how much, from whom to whom, and what to heed.
//!
//! Used by every verb that starts an operation. Making plans is the cluster's; starting one is in `operation.rs`.

use super::App;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{Column, Output, Style, Table, clean, paint};
use dcache_protocol::control::{API_VERSION, Envelope};
use dcache_protocol::operation::{OperationKind, Pace, Plan, PlannedMove, PlannedShare};
use dcache_protocol::size::{format_duration_ms, format_size};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub const COLUMNS: &[Column] = &[
    Column::new("FROM", "who gives up a copy, or the primary; - where a copy was missing"),
    Column::new("TO", "who gets it; - where there was a copy too many"),
    Column::new("COPIES", "copies of partitions that go this way").number(),
    Column::new("PRIM", "partitions whose primary goes this way").number(),
    Column::new("BYTES", "to be copied to it").number(),
    Column::new("MEMORY OF TARGET AFTER", "of its limit, as far as partitions stay as large as they are").number(),
];

pub const FIELDS: &[&str] = &[
    "id",
    "cluster",
    "epoch",
    "operation",
    "nodes",
    "by",
    "imbalanceBefore",
    "imbalanceAfter",
    "bytes",
    "to",
    "moves",
    "shares",
    "remarks",
];

const PLAN_FILE_BYTES_MAX: u64 = 16 << 20;

/// What goes from one node to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flow {
    copies: u64,
    primaries: u64,
    bytes: u64,
}

/// All moves by who gives and who gets.
fn flows(plan: &Plan) -> BTreeMap<(&str, &str), Flow> {
    let mut flows: BTreeMap<(&str, &str), Flow> = BTreeMap::new();
    for each in &plan.moves {
        let (gets, gives) = (new_holders(each), without(&each.from, &each.to));
        for place in 0..gets.len().max(gives.len()) {
            let pair = (gives.get(place).copied().unwrap_or("-"), gets.get(place).copied().unwrap_or("-"));
            let flow = flows.entry(pair).or_default();
            flow.copies += 1;
            if place < gets.len() {
                flow.bytes += each.bytes / gets.len() as u64;
            }
        }
        if let (Some(before), Some(after)) = (each.from.first(), each.to.first())
            && before != after
        {
            flows.entry((before, after)).or_default().primaries += 1;
        }
    }
    flows
}

fn new_holders(each: &PlannedMove) -> Vec<&str> {
    without(&each.to, &each.from)
}

fn without<'a>(all: &'a [String], others: &[String]) -> Vec<&'a str> {
    all.iter().filter(|name| !others.contains(name)).map(String::as_str).collect()
}

/// Milliseconds that it takes at the least: each primary sends what leaves it, at the pace's rate, and a node has part in one move
/// a turn. None without a limit.
fn copying_ms(plan: &Plan, pace: &Pace) -> Option<u64> {
    let (mut sent, mut turns): (BTreeMap<&str, u64>, BTreeMap<&str, u64>) = Default::default();
    for each in &plan.moves {
        let primary = each.from.first().map(String::as_str);
        let drop = without(&each.from, &each.to);
        let parts: BTreeSet<&str> = primary.into_iter().chain(new_holders(each)).chain(drop).collect();
        parts.into_iter().for_each(|node| *turns.entry(node).or_default() += 1);
        if let Some(primary) = primary {
            *sent.entry(primary).or_default() += each.bytes;
        }
    }
    let [most, turns] = [sent, turns].map(|by_node| by_node.into_values().max().unwrap_or_default());
    let most = most.max(turns * Pace::MOVE_BYTES_LEAST);
    (pace.rate_bytes > 0).then(|| (most as f64 / pace.rate_bytes as f64 * 1000.0) as u64)
}

/// `256 partitions   2.30 GiB   about 2m at 32 MiB/s (limit), 2 at a time`.
pub fn amount(plan: &Plan, pace: &Pace) -> String {
    let at_once = pace.moves_at_once;
    let speed = match copying_ms(plan, pace) {
        Some(ms) => {
            format!("about {} at {}/s a node (limit), {at_once} at a time", about(ms), format_size(pace.rate_bytes))
        }
        None => format!("as fast as nodes can send, {at_once} at a time"),
    };
    format!("{}   {}   {speed}", partitions(plan.moves.len() as u64), format_size(plan.bytes))
}

fn about(ms: u64) -> String {
    if ms < 1000 { "1s".into() } else { format_duration_ms(ms) }
}

pub fn partitions(count: u64) -> String {
    if count == 1 { "1 partition".into() } else { format!("{count} partitions") }
}

/// A plan of a rebalance, to be shown before a question or as an answer.
pub fn rebalance_text(out: &Output, plan: &Plan, pace: &Pace) -> Result<String> {
    let mut text = format!(
        "cluster {}   epoch {}   plan {}   imbalance of {} {:.1} % -> {:.1} %\n",
        paint(Style::Bold, &clean(&plan.cluster)),
        plan.epoch,
        clean(&plan.id),
        plan.by,
        plan.imbalance_before,
        plan.imbalance_after
    );
    if plan.moves.is_empty() {
        text.push_str("nothing to move\n");
    } else {
        text.push_str(&format!("moves   {}\n", amount(plan, pace)));
        text.push_str(&out.table_text(&table(plan))?);
    }
    remarks(plan).iter().for_each(|line| {
        text.push_str(line);
        text.push('\n');
    });
    Ok(text)
}

fn table(plan: &Plan) -> Table {
    let mut table = Table::new(COLUMNS);
    for ((from, to), flow) in flows(plan) {
        let after = plan.shares.iter().find(|share| share.node == to).and_then(memory_percent_after);
        table.row(vec![
            clean(from),
            clean(to),
            flow.copies.to_string(),
            flow.primaries.to_string(),
            format_size(flow.bytes),
            after.map_or_else(|| "-".into(), |percent| format!("{percent} %")),
        ]);
    }
    table
}

fn memory_percent_after(share: &PlannedShare) -> Option<u64> {
    percent(share.used_bytes_after, share.memory_bytes)
}

fn percent(part: u64, whole: u64) -> Option<u64> {
    (whole > 0).then(|| (u128::from(part) * 100 / u128::from(whole)) as u64)
}

pub fn remarks(plan: &Plan) -> Vec<String> {
    plan.warnings.iter().map(|warning| format!("  {} {}", paint(Style::Yellow, "▲"), clean(warning))).collect()
}

/// A plan of an add, a drain or a remove in a few lines; the first begins with `Plan:` or `would`.
pub fn nodes_lines(plan: &Plan, pace: &Pace, begins: &str) -> Vec<String> {
    let share = |name: &String| plan.shares.iter().find(|share| share.node == *name);
    let told = |name: &String| match share(name) {
        Some(share) if plan.kind == OperationKind::Add && !share.zone.is_empty() => {
            format!("{} (zone {}, {})", clean(name), clean(&share.zone), format_size(share.memory_bytes))
        }
        Some(share) if plan.kind == OperationKind::Add => {
            format!("{} ({})", clean(name), format_size(share.memory_bytes))
        }
        _ => clean(name),
    };
    let nodes: Vec<String> = plan.nodes.iter().map(told).collect();
    let mut lines = vec![format!("{begins} {} {}", plan.kind, nodes.join(", "))];
    if plan.moves.is_empty() {
        lines.push("  moves   nothing".into());
    } else {
        lines.push(format!("  moves   {}", amount(plan, pace)));
    }
    if plan.kind != OperationKind::Add {
        let held: Vec<&PlannedShare> = plan.nodes.iter().filter_map(share).collect();
        let primaries: u64 = held.iter().map(|share| u64::from(share.primaries_before)).sum();
        let copies: u64 = held.iter().map(|share| u64::from(share.copies_before)).sum();
        let targets: BTreeSet<&str> = plan.moves.iter().flat_map(new_holders).collect();
        let further = copies.saturating_sub(primaries);
        lines.push(format!("  of it   {primaries} primaries and {further} further copies, to {} nodes", targets.len()));
    }
    lines.extend(after(plan));
    lines.extend(remarks(plan));
    lines
}

/// `after   8 nodes, 128 primaries each, memory 78 % -> 58 %`.
fn after(plan: &Plan) -> Option<String> {
    let holding: Vec<&PlannedShare> = plan.shares.iter().filter(|share| share.copies_after > 0).collect();
    let primaries = || holding.iter().map(|share| share.primaries_after);
    let each = match (primaries().min()?, primaries().max()?) {
        (least, most) if least == most => format!("{most} primaries each"),
        (least, most) => format!("{least} to {most} primaries each"),
    };
    let sum = |of: fn(&PlannedShare) -> (u64, u64), is_counted: fn(&PlannedShare) -> bool| {
        let counted = plan.shares.iter().filter(|share| is_counted(share)).map(of);
        let (used, limit) = counted.fold((0, 0), |(used, limit), (u, l)| (used + u, limit + l));
        percent(used, limit)
    };
    let before = sum(|share| (share.used_bytes_before, share.memory_bytes), |share| share.copies_before > 0);
    let then = sum(|share| (share.used_bytes_after, share.memory_bytes), |share| share.copies_after > 0);
    let memory = match (before, then) {
        (Some(before), Some(then)) => format!(", memory {before} % -> {then} %"),
        _ => String::new(),
    };
    Some(format!("  after   {} nodes, {each}{memory}", holding.len()))
}

/// Writes a plan as YAML, as `rebalance apply` reads it.
pub fn save(app: &App, plan: &Plan, path: &Path) -> Result<()> {
    let failed = |why: String| CliError::failed(format!("cannot write {}", path.display())).why(why);
    let text = serde_yaml::to_string(&Envelope::new("Plan", plan)).map_err(|error| failed(error.to_string()))?;
    std::fs::write(path, text).map_err(|error| failed(error.to_string()))?;
    app.out.say(&format!("plan {} written to {}", clean(&plan.id), clean(&path.display().to_string())));
    Ok(())
}

/// Reads what [`save`] wrote, or what `-o json` or `-o yaml` printed.
pub fn load(path: &Path) -> Result<Plan> {
    let shown = path.display();
    let unreadable = |why: String| CliError::usage(format!("cannot read {shown}")).why(why);
    let length = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if length > PLAN_FILE_BYTES_MAX {
        return Err(unreadable(format!("it has {length} bytes; a plan has at most {PLAN_FILE_BYTES_MAX}")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    parse(&text).map_err(|why| {
        CliError::usage(format!("{shown} is not a plan"))
            .why(why)
            .hint("make one: dcache rebalance --plan --out plan.yaml")
    })
}

fn parse(text: &str) -> std::result::Result<Plan, String> {
    // As many nodes as the largest plan has, and no more: it has no aliases.
    let options = serde_yaml::options! { budget: serde_yaml::budget! { max_nodes: 1_000_000, max_events: 2_000_000 } };
    let mut fields: serde_json::Map<String, serde_json::Value> =
        serde_yaml::from_str_with_options(text, options).map_err(|error| error.to_string())?;
    for (name, wanted) in [("apiVersion", API_VERSION), ("kind", "Plan")] {
        let given = fields.remove(name);
        if given.as_ref().is_some_and(|given| given != wanted) {
            return Err(format!("{name} must be {wanted}"));
        }
    }
    // Of the envelope; what is unknown beside it is somebody's slip.
    fields.remove("warnings");
    serde_json::from_value(serde_json::Value::Object(fields)).map_err(|error| error.to_string())
}

/// A plan that was made for another topology than the cluster's.
pub fn stale(plan: &Plan, now: dcache_protocol::Epoch) -> CliError {
    let id = clean(&plan.id);
    CliError::new(Exit::Conflict, format!("plan {id} was made for epoch {}, the cluster is at {now}", plan.epoch))
        .why("nodes, their shares or who holds what changed since")
        .hint("make a new plan: dcache rebalance --plan --out plan.yaml")
}

#[cfg(test)]
mod tests {
    use super::*;
    use dcache_protocol::operation::Balance;
    use dcache_protocol::{Epoch, PartitionId};

    fn plan(moves: &[(&[&str], &[&str], u64)]) -> Plan {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let planned = |(number, (from, to, bytes)): (usize, &(&[&str], &[&str], u64))| PlannedMove {
            partition: PartitionId(number as u16),
            from: names(from),
            to: names(to),
            bytes: *bytes,
        };
        Plan {
            // Reads as a number unless it is quoted.
            id: "6e343001".into(),
            cluster: "prod".into(),
            epoch: Epoch(415),
            kind: OperationKind::Rebalance,
            nodes: Vec::new(),
            by: Balance::Count,
            imbalance_before: 33.0,
            imbalance_after: 0.9,
            bytes: moves.iter().map(|(_, _, bytes)| bytes).sum(),
            to: None,
            moves: moves.iter().enumerate().map(planned).collect(),
            shares: Vec::new(),
            warnings: vec!["n3 is down: it gets nothing".into()],
        }
    }

    #[test]
    fn moves_are_counted_by_who_gives_and_who_gets() {
        let plan = plan(&[
            (&["a", "b"], &["d", "b"], 100),
            (&["a", "b"], &["b", "a"], 7),
            (&["a", "b"], &["a", "d"], 100),
            (&["a"], &["a", "d"], 50),
        ]);
        let flow = |copies, primaries, bytes| Flow { copies, primaries, bytes };
        let found: Vec<_> = flows(&plan).into_iter().collect();
        let expected = [
            (("-", "d"), flow(1, 0, 50)),
            (("a", "b"), flow(0, 1, 0)),
            (("a", "d"), flow(1, 1, 100)),
            (("b", "d"), flow(1, 0, 100)),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_busiest_sender_says_how_long_it_takes() {
        let plan = plan(&[(&["a"], &["d"], 64 << 20), (&["a"], &["c"], 64 << 20), (&["b"], &["d"], 32 << 20)]);
        assert_eq!(copying_ms(&plan, &Pace::default()), Some(4000));
        assert_eq!(copying_ms(&plan, &Pace { rate_bytes: 0, ..Pace::default() }), None);
        let small: Vec<(&[&str], &[&str], u64)> = vec![(&["a"], &["d"], 100); 32];
        assert_eq!(copying_ms(&self::plan(&small), &Pace::default()), Some(4000), "32 of 4 MiB");
        let expected = "3 partitions   160 MiB   about 4s at 32.0 MiB/s a node (limit), 2 at a time";
        assert_eq!(amount(&plan, &Pace::default()), expected);
    }

    #[test]
    fn a_plan_reads_back_from_its_file_and_a_slip_in_it_is_found() {
        let plan = plan(&[(&["a"], &["d"], 1)]);
        let text = serde_yaml::to_string(&Envelope::new("Plan", &plan)).expect("written");
        assert_eq!(parse(&text).as_ref(), Ok(&plan), "{text}");
        assert!(parse(&text.replace("remarks:", "remark:")).expect_err("a slip").contains("remark"), "{text}");
        assert!(parse(&text.replace("kind: Plan", "kind: Node")).is_err(), "{text}");
        let json = serde_json::to_string(&Envelope::new("Plan", &plan)).expect("written");
        assert_eq!(parse(&json), Ok(plan), "JSON is YAML");
    }
}

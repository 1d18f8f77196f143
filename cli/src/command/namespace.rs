//! `dcache namespace`: sets of keys with their own policy, changed on all nodes at once.

use super::door::Door;
use super::{App, is_describing};
use crate::args::Format;
use crate::args::namespace::{Namespace, NamespaceSet};
use crate::confirm::Danger;
use crate::encoding::rfc3339;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{Column, Style, Table, clean, paint};
use dcache_client::{Control, Value};
use dcache_protocol::control::{NamespaceStatus, PolicyChoice};
use dcache_protocol::namespace::{DEFAULT, Match, Reads};
use dcache_protocol::size::{format_count, format_duration_ms, format_size};
use dcache_protocol::{Consistency, NamespaceSpec, Placement};

pub async fn run(app: &App, verb: Namespace) -> Result<Exit> {
    if is_describing(app) {
        let fields = ["items", "each with spec", "figures", "missing (nodes that did not answer)"];
        app.out.describe(COLUMNS, "NamespaceList, Namespace", &fields)?;
        return Ok(Exit::Ok);
    }
    let control = app.control()?;
    match verb {
        Namespace::List => list(app, &control).await,
        Namespace::Show(args) => show(app, &control, &args.name).await,
        Namespace::Set(args) => set(app, &control, &args).await,
        Namespace::Delete(args) => delete(app, &control, &args.name, args.dry_run).await,
    }
}

const COLUMNS: &[Column] = &[
    Column::new("NAMESPACE", "its name"),
    Column::new("MATCH", "which keys"),
    Column::new("EVICTION", "what goes when space is needed"),
    Column::new("CONSISTENCY", "what is promised about its copies"),
    Column::new("READS", "who answers reads, and how they are known to be new enough").wide(),
    Column::new("REPLICAS", "further copies of its entries; - for as many as the cluster keeps").number().wide(),
    Column::new("ITEMS", "entries it holds").number(),
    Column::new("STORED", "bytes of its keys and values").number().wide(),
    Column::new("MEM", "memory of its entries on all nodes").number(),
    Column::new("MAX", "most of that").number(),
    Column::new("MIN", "what no other namespace can take of it, on all nodes").number().wide(),
    Column::new("TTL", "time to live of writes that give none").number(),
    Column::new("MAX-TTL", "longest time to live").number(),
    Column::new("JITTER", "how much of a time to live is left to chance").number().wide(),
    Column::new("HIT", "hits of lookups since the nodes' start").number(),
    Column::new("EVICTED", "entries evicted").number(),
    Column::new("EXPIRED", "entries expired").number().wide(),
    Column::new("REFUSED", "writes refused for lack of space").number().wide(),
];

fn cells(namespace: &NamespaceStatus) -> Vec<String> {
    let (spec, figures) = (&namespace.spec, &namespace.figures);
    let none = || "-".to_string();
    let lookups = figures.hits + figures.misses;
    let hit = match lookups {
        0 => none(),
        _ => format!("{:.1}%", figures.hits as f64 * 100.0 / lookups as f64),
    };
    vec![
        clean(&spec.name),
        spec.matches.as_ref().map_or_else(|| "everything else".into(), |matches| clean(&matches.to_string())),
        spec.eviction.to_string(),
        spec.consistency.to_string(),
        reads(spec),
        spec.replicas.map_or_else(none, |replicas| replicas.to_string()),
        format_count(figures.items as f64),
        format_size(figures.stored_bytes),
        format_size(figures.memory_used_bytes),
        figures.memory_max_bytes.map_or_else(none, format_size),
        figures.memory_min_bytes.map_or_else(none, format_size),
        spec.default_ttl_ms.map_or_else(none, format_duration_ms),
        spec.max_ttl_ms.map_or_else(none, format_duration_ms),
        spec.ttl_jitter_percent.map_or_else(none, format_percent),
        hit,
        format_count(figures.evictions as f64),
        format_count(figures.expirations as f64),
        format_count(figures.refused as f64),
    ]
}

fn reads(spec: &NamespaceSpec) -> String {
    match (spec.consistency, spec.reads) {
        (Consistency::Strong, _) => spec.strong_read.to_string(),
        (Consistency::Eventual, Reads::Primary) => spec.reads.to_string(),
        (Consistency::Eventual, Reads::Any) => {
            format!("any, {} behind at most", format_duration_ms(spec.max_staleness().as_millis() as u64))
        }
    }
}

async fn list(app: &App, control: &Control) -> Result<Exit> {
    let namespaces = control.namespaces().await?;
    if app.out.is_machine() {
        app.out.list("NamespaceList", &namespaces)?;
    } else {
        let mut table = Table::new(COLUMNS);
        namespaces.iter().for_each(|namespace| table.row(cells(namespace)));
        app.out.table(&table)?;
    }
    Ok(namespaces.first().map_or(Exit::Ok, |first| told_missing(app, first)))
}

/// Figures without a node's share are partial, and said to be.
fn told_missing(app: &App, namespace: &NamespaceStatus) -> Exit {
    if namespace.missing.is_empty() {
        return Exit::Ok;
    }
    app.out.say(&format!("without the figures of {}: no answer", clean(&namespace.missing.join(", "))));
    Exit::Partial
}

async fn show(app: &App, control: &Control, name: &str) -> Result<Exit> {
    let namespace = find(control, name).await?;
    if app.out.is_machine() {
        app.out.object("Namespace", &namespace)?;
    } else if app.out.format == Format::Name {
        app.out.line(&clean(name))?;
    } else {
        app.out.line(&paint(Style::Bold, &clean(name)))?;
        for (column, value) in COLUMNS.iter().zip(cells(&namespace)).skip(1) {
            app.out.line(&format!("  {:11}  {value}", column.name.to_lowercase()))?;
        }
        if namespace.spec.placement != Placement::default() {
            app.out.line(&format!("  {:11}  {}", "placement", namespace.spec.placement))?;
        }
        for line in chosen(&namespace.figures.chosen) {
            app.out.line(&line)?;
        }
    }
    Ok(told_missing(app, &namespace))
}

/// What `auto` chose on each node, since when and why.
fn chosen(choices: &[PolicyChoice]) -> Vec<String> {
    let mut lines = Vec::new();
    for choice in choices {
        let since = match choice.since_ms {
            None => "from the start".to_string(),
            Some(at_ms) => format!("since {}", rfc3339(at_ms)),
        };
        lines.push(format!("  {:11}  {} on {} {since}", "auto", choice.policy, clean(&choice.node)));
        lines.push(format!("  {:11}  {}", "", clean(&choice.reason)));
    }
    lines
}

/// The namespace of that name, or an error with the names nearest to it.
async fn find(control: &Control, name: &str) -> Result<NamespaceStatus> {
    let mut all = control.namespaces().await?;
    match all.iter().position(|namespace| namespace.spec.name == name) {
        Some(index) => Ok(all.swap_remove(index)),
        None => Err(CliError::no_such("namespace", name, all.iter().map(|namespace| namespace.spec.name.as_str()))),
    }
}

async fn set(app: &App, control: &Control, args: &NamespaceSet) -> Result<Exit> {
    let given = match &args.file {
        Some(path) => Some(dcache_node::load_yaml::<NamespaceSpec>(path)?),
        None => None,
    };
    let name = match (&args.name, &given) {
        (Some(name), Some(spec)) if *name != spec.name => {
            return Err(CliError::usage(format!("the file names {:?}, the command line {name:?}", spec.name)));
        }
        (Some(name), _) => name.clone(),
        (None, Some(spec)) => spec.name.clone(),
        (None, None) => return Err(CliError::usage("which namespace?").hint("give its name, or a file with -f")),
    };
    let before = control.namespaces().await?.into_iter().map(|n| n.spec).find(|spec| spec.name == name);
    let after = match given {
        Some(spec) => spec,
        None => changed(before.as_ref(), &name, args)?,
    };
    after.check().map_err(|why| CliError::usage(format!("namespace {name} cannot be so")).why(why))?;
    let differences = differences(before.as_ref(), &after);
    if args.dry_run {
        match differences.is_empty() {
            true => app.out.say("nothing would change"),
            false => app.out.say(&format!("would {}: {}", verb(&before), differences.join("; "))),
        }
        let is_change = !differences.is_empty();
        return Ok(if args.exit_code && is_change { Exit::Changes } else { Exit::Ok });
    }
    let lost = lost_keys(app, before.as_ref(), Some(&after)).await?;
    if differences.is_empty() {
        app.out.say(&format!("{name} is so already, nothing to do"));
    } else if let Some(lost) = lost {
        app.confirm(
            &format!("{} {name} ({})? {lost}", verb(&before), differences.join("; ")),
            Danger::Severe(&name),
            &app.target()?,
        )?;
    } else {
        let target = app.target()?;
        if target.protected {
            let question = format!("{} {name} ({})?", verb(&before), differences.join("; "));
            app.confirm(&question, Danger::Moderate, &target)?;
        }
    }
    let status = control.set_namespace(&after).await?;
    if !differences.is_empty() {
        app.out.say(&format!("{} {name}: {}", paint(Style::Green, "✔"), differences.join("; ")));
    }
    if app.out.is_machine() {
        app.out.object("Namespace", &status)?;
    }
    Ok(Exit::Ok)
}

/// The database whose keys have their place by this spec, if it is pinned.
fn pinned(spec: Option<&NamespaceSpec>) -> Option<u16> {
    match spec?.matches {
        Some(Match::Database(number)) => spec.filter(|spec| spec.placement == Placement::Pinned).map(|_| number),
        _ => None,
    }
}

/// What a change would cost: the keys of a database that is pinned, or not any more, are not found again.
async fn lost_keys(app: &App, before: Option<&NamespaceSpec>, after: Option<&NamespaceSpec>) -> Result<Option<String>> {
    let (before, after) = (pinned(before), pinned(after));
    let mut lost = Vec::new();
    for number in before.into_iter().chain(after).filter(|_| before != after) {
        let mut door = Door::open(app, None).await?;
        door.call(&[&b"SELECT"[..], number.to_string().as_bytes()]).await?;
        if let Value::Integer(keys @ 1..) = door.call(&[b"DBSIZE"]).await? {
            lost.push(format!(
                "{keys} keys of database {number} would be LOST: those of a pinned database live elsewhere."
            ));
        }
    }
    Ok((!lost.is_empty()).then(|| lost.join(" ")))
}

fn format_percent(percent: u64) -> String {
    format!("{percent}%")
}

fn verb(before: &Option<NamespaceSpec>) -> &'static str {
    if before.is_some() { "change" } else { "create" }
}

/// What the flags make of the namespace as it is.
fn changed(before: Option<&NamespaceSpec>, name: &str, args: &NamespaceSet) -> Result<NamespaceSpec> {
    let mut spec = match before {
        Some(spec) => spec.clone(),
        None => NamespaceSpec { name: name.into(), ..NamespaceSpec::default_namespace() },
    };
    if let Some(prefix) = &args.prefix {
        spec.matches = Some(Match::Prefix(prefix.clone()));
    }
    if let Some(number) = args.database {
        spec.matches = Some(Match::Database(number));
    }
    if spec.matches.is_none() && name != DEFAULT {
        return Err(CliError::usage(format!("which keys belong to the new namespace {name}?"))
            .hint("say --prefix TEXT or --database N"));
    }
    spec.eviction = args.eviction.unwrap_or(spec.eviction);
    spec.consistency = args.consistency.unwrap_or(spec.consistency);
    spec.strong_read = args.strong_read.unwrap_or(spec.strong_read);
    spec.reads = args.reads.unwrap_or(spec.reads);
    spec.minority_writes = args.minority_writes.unwrap_or(spec.minority_writes);
    spec.placement = args.placement.unwrap_or(spec.placement);
    for (copies, given) in [(&mut spec.replicas, args.replicas), (&mut spec.min_in_sync, args.min_in_sync)] {
        if let Some(given) = given {
            // Its parser takes no larger ones.
            *copies = given.0.and_then(|number| u8::try_from(number).ok());
        }
    }
    let limits = [
        (&mut spec.memory_max_bytes, args.memory_max),
        (&mut spec.memory_min_bytes, args.memory_min),
        (&mut spec.default_ttl_ms, args.default_ttl),
        (&mut spec.max_ttl_ms, args.max_ttl),
        (&mut spec.ttl_jitter_percent, args.ttl_jitter),
        (&mut spec.max_staleness_ms, args.max_staleness),
    ];
    for (limit, given) in limits {
        if let Some(given) = given {
            *limit = given.0;
        }
    }
    Ok(spec)
}

/// What is different, field by field, in words.
fn differences(before: Option<&NamespaceSpec>, after: &NamespaceSpec) -> Vec<String> {
    let described = |spec: &NamespaceSpec| {
        let maybe = |value: Option<u64>, format: fn(u64) -> String| value.map_or_else(|| "none".into(), format);
        [
            ("match", spec.matches.as_ref().map_or_else(|| "everything else".into(), ToString::to_string)),
            ("eviction", spec.eviction.to_string()),
            ("memory maximum", maybe(spec.memory_max_bytes, format_size)),
            ("memory minimum", maybe(spec.memory_min_bytes, format_size)),
            ("default TTL", maybe(spec.default_ttl_ms, format_duration_ms)),
            ("maximum TTL", maybe(spec.max_ttl_ms, format_duration_ms)),
            ("TTL jitter", maybe(spec.ttl_jitter_percent, format_percent)),
            ("consistency", spec.consistency.to_string()),
            ("replicas", spec.replicas.map_or_else(|| "as the cluster".into(), |replicas| replicas.to_string())),
            ("least in sync", maybe(spec.min_in_sync.map(u64::from), |least| least.to_string())),
            ("strong reads by", spec.strong_read.to_string()),
            ("reads by", spec.reads.to_string()),
            ("staleness", maybe(spec.max_staleness_ms, format_duration_ms)),
            ("writes in a minority", if spec.minority_writes { "yes" } else { "no" }.into()),
            ("placement", spec.placement.to_string()),
        ]
    };
    let after = described(after);
    let Some(before) = before.map(described) else {
        // Of a new one, what is said anyway and what is not as usual.
        let usual = described(&NamespaceSpec::default_namespace());
        let is_told = |what: &str| ["match", "eviction", "consistency"].contains(&what);
        let told = after.iter().zip(&usual).filter(|((what, value), (_, usual))| is_told(what) || value != usual);
        return told.map(|((what, value), _)| format!("{what} {}", clean(value))).collect();
    };
    let changed = before.iter().zip(&after).filter(|(old, new)| old != new);
    changed.map(|((what, old), (_, new))| format!("{what} {} -> {}", clean(old), clean(new))).collect()
}

async fn delete(app: &App, control: &Control, name: &str, is_dry_run: bool) -> Result<Exit> {
    let namespace = find(control, name).await?;
    let (items, size) = (namespace.figures.items, format_size(namespace.figures.memory_used_bytes));
    let what = format!("namespace {} with {items} keys ({size})", clean(name));
    if name == DEFAULT {
        return Err(CliError::usage("namespace `default` cannot be deleted")
            .why("every key belongs to some namespace, and this one takes what no other does"));
    }
    let lost = lost_keys(app, Some(&namespace.spec), None).await?;
    if is_dry_run {
        let keys = lost.unwrap_or_else(|| "its keys would fall to the next match".into());
        app.out.say(&format!("would delete {what}; {keys}"));
        app.out.say("no changes made");
        return Ok(Exit::Ok);
    }
    match lost {
        Some(lost) => app.confirm(&format!("Delete {what}? {lost}"), Danger::Severe(name), &app.target()?)?,
        None => {
            let question = format!("Delete {what}? Its keys stay, under the next match.");
            app.confirm(&question, Danger::Moderate, &app.target()?)?;
        }
    }
    let status = control.delete_namespace(name).await?;
    app.out.say(&format!("{} namespace {} deleted", paint(Style::Green, "✔"), clean(name)));
    if app.out.is_machine() {
        app.out.object("Namespace", &status)?;
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Verb};
    use clap::Parser;
    use dcache_protocol::Eviction;

    fn args(words: &[&str]) -> NamespaceSet {
        let cli = Cli::try_parse_from([&["dcache", "namespace", "set"], words].concat()).expect("valid");
        match cli.verb {
            Some(Verb::Namespace(Namespace::Set(args))) => *args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_change_only_what_they_name() {
        let given = args(&["s", "--prefix", "s:", "--eviction", "lfu", "--memory-max", "1MiB", "--default-ttl", "1m"]);
        let first = changed(None, "s", &given).expect("valid");
        assert_eq!(first.matches, Some(Match::Prefix("s:".into())));
        assert_eq!((first.eviction, first.memory_max_bytes), (Eviction::Lfu, Some(1 << 20)));
        let second = changed(Some(&first), "s", &args(&["s", "--memory-max", "none"])).expect("valid");
        assert_eq!(second, NamespaceSpec { memory_max_bytes: None, ..first.clone() });
        assert_eq!(differences(Some(&first), &second), ["memory maximum 1.00 MiB -> none"]);
        assert!(differences(Some(&first), &first).is_empty());
        let third =
            changed(Some(&first), "s", &args(&["s", "--eviction", "s3-fifo", "--ttl-jitter", "10%"])).expect("valid");
        assert_eq!((third.eviction, third.ttl_jitter_percent), (Eviction::S3Fifo, Some(10)));
        assert_eq!(differences(Some(&first), &third), ["eviction lfu -> s3-fifo", "TTL jitter none -> 10%"]);
        assert_eq!(changed(None, "s", &args(&["s"])).expect_err("no match").exit, Exit::Usage);
        assert_eq!(changed(None, DEFAULT, &args(&["default"])).expect("no match needed").matches, None);
    }
    #[test]
    fn what_auto_chose_is_told_node_by_node() {
        let choice = |node: &str, since_ms| PolicyChoice {
            node: node.into(),
            policy: Eviction::Lhd,
            since_ms,
            reason: "it misses 0.2, lru 0.3".into(),
            ..PolicyChoice::default()
        };
        assert_eq!(
            chosen(&[choice("n1", None), choice("n2", Some(1_000))]),
            [
                "  auto         lhd on n1 from the start",
                "               it misses 0.2, lru 0.3",
                "  auto         lhd on n2 since 1970-01-01T00:00:01.000Z",
                "               it misses 0.2, lru 0.3",
            ]
        );
    }
}

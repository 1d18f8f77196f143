//! `dcache context`: named clusters in the config file. Only `test` talks to a node.

use super::{App, is_describing};
use crate::args::Format;
use crate::args::context::{Context as Verb, ContextAdd};
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::{Column, Style, Table, clean, paint};
use crate::profile::{Context, Profiles, Target, check_name};
use dcache_client::Control;
use serde::Serialize;

const COLUMNS: &[Column] = &[
    Column::new("NAME", "its name; a star marks the selected one"),
    Column::new("ENDPOINTS", "control doors"),
    Column::new("PROTECTED", "whether danger asks for its name"),
];

/// A context as programs get it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    name: Option<&'a str>,
    endpoints: &'a [String],
    protected: bool,
    selected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
}

pub async fn run(app: &App, verb: Verb) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(
            COLUMNS,
            "ContextList, Context",
            &["items", "each with name", "endpoints", "protected", "selected"],
        )?;
        return Ok(Exit::Ok);
    }
    let mut profiles = Profiles::load()?;
    match verb {
        Verb::List => list(app, &profiles),
        Verb::Show(args) => show(app, &profiles, args.name.as_deref()),
        Verb::Add(args) => add(app, &mut profiles, args),
        Verb::Use(args) => {
            profiles.context(&args.name)?;
            profiles.current = Some(args.name.clone());
            profiles.save()?;
            app.out.say(&format!("context {} selected", args.name));
            Ok(Exit::Ok)
        }
        Verb::Rename(args) => rename(app, &mut profiles, &args.name, &args.new_name),
        Verb::Remove(args) => remove(app, &mut profiles, &args.name),
        Verb::Test(args) => test(app, &profiles, args.name.as_deref()).await,
    }
}

fn list(app: &App, profiles: &Profiles) -> Result<Exit> {
    let is_selected = |name: &String| profiles.current.as_ref() == Some(name);
    if app.out.is_machine() {
        let row = |(name, context)| row(Some(name), context, is_selected(name));
        let rows: Vec<Row<'_>> = profiles.contexts.iter().map(row).collect();
        app.out.list("ContextList", &rows)?;
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(COLUMNS);
    for (name, context) in &profiles.contexts {
        let star = match (app.out.format, is_selected(name)) {
            (Format::Name, _) => String::new(),
            (_, true) => "* ".into(),
            (_, false) => "  ".into(),
        };
        let protected = if context.protected { paint(Style::Red, "yes") } else { "no".into() };
        table.row(vec![format!("{star}{}", clean(name)), clean(&context.endpoints.join(",")), protected]);
    }
    app.out.table(&table)?;
    if profiles.contexts.is_empty() {
        app.out.say("no contexts; without one the node on this machine is meant");
    }
    Ok(Exit::Ok)
}

fn row<'a>(name: Option<&'a String>, context: &'a Context, selected: bool) -> Row<'a> {
    let name = name.map(String::as_str);
    Row { name, endpoints: &context.endpoints, protected: context.protected, selected, source: None }
}

/// The named context, or whatever this run would talk to.
fn target(app: &App, profiles: &Profiles, name: Option<&str>) -> Result<Target> {
    match name {
        None => profiles.target(&app.global),
        Some(name) => {
            let context = profiles.context(name)?;
            let (endpoints, protected) = (context.endpoints.clone(), context.protected);
            Ok(Target { endpoints, context: Some(name.into()), protected, source: "its name" })
        }
    }
}

fn show(app: &App, profiles: &Profiles, name: Option<&str>) -> Result<Exit> {
    let target = target(app, profiles, name)?;
    if app.out.is_machine() {
        let row = Row {
            name: target.context.as_deref(),
            endpoints: &target.endpoints,
            protected: target.protected,
            selected: target.context.is_some() && target.context == profiles.current,
            source: Some(target.source),
        };
        app.out.object("Context", &row)?;
        return Ok(Exit::Ok);
    }
    let shown = target.context.as_deref().map_or_else(|| "(no context)".into(), clean);
    if app.out.format == Format::Name {
        app.out.line(&shown)?;
        return Ok(Exit::Ok);
    }
    app.out.line(&paint(Style::Bold, &shown))?;
    app.out.line(&format!("  endpoints  {}", clean(&target.endpoints.join(", "))))?;
    app.out.line(&format!("  protected  {}", if target.protected { "yes" } else { "no" }))?;
    app.out.line(&format!("  from       {}", target.source))?;
    Ok(Exit::Ok)
}

fn add(app: &App, profiles: &mut Profiles, args: ContextAdd) -> Result<Exit> {
    check_name(&args.name)?;
    // Only whether they can be endpoints; whether anybody is there is `context test`.
    Control::new(&args.doors, app.global.timeout)?;
    let context = Context { endpoints: args.doors, protected: args.protected, complete_keys: args.complete_keys };
    match profiles.contexts.get(&args.name) {
        Some(existing) if *existing != context => {
            return Err(CliError::new(Exit::Conflict, format!("context {} exists and differs", args.name))
                .why(format!("its endpoints are {}", existing.endpoints.join(", ")))
                .hint(format!("remove it first: dcache context remove {}", args.name)));
        }
        Some(_) => app.out.say(&format!("context {} is so already", args.name)),
        None => app.out.say(&format!("context {} added", args.name)),
    }
    profiles.contexts.insert(args.name.clone(), context);
    // The only one is the one that is meant.
    if args.select || profiles.contexts.len() == 1 {
        app.out.say(&format!("context {} selected", args.name));
        profiles.current = Some(args.name);
    }
    profiles.save()?;
    Ok(Exit::Ok)
}

fn rename(app: &App, profiles: &mut Profiles, name: &str, new_name: &str) -> Result<Exit> {
    check_name(new_name)?;
    let context = profiles.context(name)?.clone();
    if name != new_name && profiles.contexts.contains_key(new_name) {
        return Err(CliError::new(Exit::Conflict, format!("a context named {new_name} exists")));
    }
    profiles.contexts.remove(name);
    profiles.contexts.insert(new_name.into(), context);
    if profiles.current.as_deref() == Some(name) {
        profiles.current = Some(new_name.into());
    }
    profiles.save()?;
    app.out.say(&format!("context {name} is now {new_name}"));
    Ok(Exit::Ok)
}

fn remove(app: &App, profiles: &mut Profiles, name: &str) -> Result<Exit> {
    profiles.context(name)?;
    profiles.contexts.remove(name);
    if profiles.current.as_deref() == Some(name) {
        profiles.current = None;
        app.out.say("it was the selected one; none is selected now");
    }
    profiles.save()?;
    app.out.say(&format!("context {name} removed"));
    Ok(Exit::Ok)
}

const TEST_COLUMNS: &[Column] = &[
    Column::new("ENDPOINT", "control door"),
    Column::new("NODE", "who answers there"),
    Column::new("CLUSTER", "its cluster"),
    Column::new("VERSION", "its version"),
    Column::new("ERROR", "why nobody answers"),
];

async fn test(app: &App, profiles: &Profiles, name: Option<&str>) -> Result<Exit> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Tested {
        endpoint: String,
        node: Option<String>,
        cluster: Option<String>,
        version: Option<String>,
        error: Option<String>,
    }
    let target = target(app, profiles, name)?;
    let (mut table, mut rows, mut failures) = (Table::new(TEST_COLUMNS), Vec::new(), Vec::new());
    for endpoint in &target.endpoints {
        let answer = app.control_at(std::slice::from_ref(endpoint), app.global.timeout)?.node().await;
        let (node, error) = match answer {
            Ok(node) => (Some(node), None),
            Err(error) => {
                let text = error.to_string();
                failures.push(CliError::from(error));
                (None, Some(text))
            }
        };
        let row = Tested {
            endpoint: endpoint.clone(),
            node: node.as_ref().map(|node| node.name.clone()),
            cluster: node.as_ref().map(|node| node.cluster_name.clone()),
            version: node.map(|node| node.version),
            error,
        };
        let cell = |text: &Option<String>| text.as_deref().filter(|t| !t.is_empty()).map_or_else(|| "-".into(), clean);
        table.row(vec![
            clean(&row.endpoint),
            cell(&row.node),
            cell(&row.cluster),
            cell(&row.version),
            cell(&row.error),
        ]);
        rows.push(row);
    }
    match app.out.is_machine() {
        true => app.out.list("ContextTest", &rows)?,
        false => app.out.table(&table)?,
    }
    let (failed, all) = (failures.len(), rows.len());
    match failures.into_iter().next() {
        None => Ok(Exit::Ok),
        Some(first) if failed == all => Ok(first.exit),
        Some(_) => Ok(Exit::Partial),
    }
}

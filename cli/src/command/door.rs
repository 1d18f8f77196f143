//! The way to the data: a connection to a gateway door, which answers for the whole cluster.
//!
//! It is the door of the node that answers the control API, and if that cannot be reached those of the other nodes in turn.
//! Nothing is remembered between runs. With `--namespace` it knows which keys are inside.

use super::App;
use crate::error::{CliError, Result};
use crate::output::show_bytes;
use dcache_client::{Control, Data, Error as ClientError, Value};
use dcache_protocol::NamespaceSpec;
use dcache_protocol::namespace::{DEFAULT, Match};
use std::time::{Duration, Instant};

/// Requests sent at once.
pub const BATCH: usize = 1000;

/// A connection to a gateway door, and what was asked to find it.
pub struct Door {
    data: Data,
    pub control: Control,
    app: App,
    /// With `--namespace`: its name and all specs, to tell which keys are in it.
    namespace: Option<(String, Vec<NamespaceSpec>)>,
    database: u16,
}

impl Door {
    pub async fn open(app: &App, namespace: Option<&str>) -> Result<Door> {
        let control = app.control()?;
        let data = connect(&control, app.global.timeout).await?;
        let mut door = Door { data, control, app: app.clone(), namespace: None, database: 0 };
        if let Some(name) = namespace {
            door.enter(name).await?;
        }
        Ok(door)
    }

    async fn enter(&mut self, name: &str) -> Result<()> {
        let specs: Vec<NamespaceSpec> = self.control.namespaces().await?.into_iter().map(|n| n.spec).collect();
        let Some(spec) = specs.iter().find(|spec| spec.name == name) else {
            return Err(CliError::no_such("namespace", name, specs.iter().map(|spec| spec.name.as_str())));
        };
        if let Some(Match::Database(number)) = spec.matches {
            self.call(&[&b"SELECT"[..], number.to_string().as_bytes()]).await?;
            self.database = number;
        }
        self.namespace = Some((name.into(), specs));
        Ok(())
    }

    /// The numbered database that requests are of.
    pub fn database(&self) -> u16 {
        self.database
    }

    /// Whether a key is in the namespace that was asked for; always, when none was.
    pub fn is_inside(&self, key: &[u8]) -> bool {
        self.namespace.as_ref().is_none_or(|(name, specs)| namespace_of(specs, self.database, key) == name)
    }

    /// The prefix of the namespace that was asked for.
    pub fn prefix(&self) -> Option<&str> {
        let (name, specs) = self.namespace.as_ref()?;
        match &specs.iter().find(|spec| spec.name == *name)?.matches {
            Some(Match::Prefix(prefix)) => Some(prefix),
            _ => None,
        }
    }

    /// An error that names the key's own namespace, unless it is in the one that was asked for.
    pub fn check_inside(&self, key: &[u8]) -> Result<()> {
        if self.is_inside(key) {
            return Ok(());
        }
        let (name, specs) = self.namespace.as_ref().map_or(("", &[][..]), |(name, specs)| (name, specs.as_slice()));
        let actual = namespace_of(specs, self.database, key);
        let error = CliError::usage(format!("key {} is not in namespace {name}", show_bytes(key)))
            .why(format!("it is in {actual}"));
        Err(match self.prefix() {
            Some(prefix) => error.hint(format!("keys of {name} begin with {prefix}")),
            None => error,
        })
    }

    /// One command. An error reply becomes an error.
    pub async fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Value> {
        let begun = Instant::now();
        let result = self.data.call(args).await;
        self.trace(args.first(), 1, begun);
        checked(result?)
    }

    /// Many commands; error replies stay values.
    pub async fn pipeline<A: AsRef<[u8]>>(&mut self, requests: &[Vec<A>]) -> Result<Vec<Value>> {
        let mut values = Vec::with_capacity(requests.len());
        for batch in requests.chunks(BATCH) {
            let begun = Instant::now();
            let result = self.data.pipeline(batch).await;
            self.trace(batch.first().and_then(|args| args.first()), batch.len(), begun);
            values.extend(result?);
        }
        Ok(values)
    }

    fn trace<A: AsRef<[u8]>>(&self, name: Option<&A>, count: usize, begun: Instant) {
        if self.app.out.verbose > 0 {
            let name = name.map(|name| show_bytes(name.as_ref())).unwrap_or_default();
            let times = if count > 1 { format!(" ({count} requests)") } else { String::new() };
            let ms = begun.elapsed().as_secs_f64() * 1000.0;
            self.app.out.trace(&format!("RESP {name}{times} at {}: {ms:.1} ms", self.data.address()));
        }
    }
}

/// Connects to the gateway of the node that answers, or of any other node.
async fn connect(control: &Control, timeout: Duration) -> Result<Data> {
    let first = control.node().await?.addresses.gateway;
    match Data::connect(std::slice::from_ref(&first), timeout).await {
        Err(ClientError::Unreachable { tried }) => {
            let nodes = control.cluster().await?.nodes;
            let doors = nodes.into_iter().filter(|node| node.reachable).map(|node| node.addresses.gateway);
            let others: Vec<String> = doors.filter(|door| *door != first).collect();
            match Data::connect(&others, timeout).await {
                Ok(data) => Ok(data),
                Err(ClientError::Unreachable { tried: more }) => {
                    let all = tried.into_iter().chain(more).collect();
                    Err(CliError::from(ClientError::Unreachable { tried: all }))
                }
                Err(error) => Err(error.into()),
            }
        }
        other => Ok(other?),
    }
}

/// An error reply as an error.
pub fn checked(value: Value) -> Result<Value> {
    match value {
        Value::Error(text) => Err(CliError::from_reply(&text)),
        value => Ok(value),
    }
}

/// Longest matching prefix, then the database, then `default`: as a node decides.
fn namespace_of<'a>(specs: &'a [NamespaceSpec], database: u16, key: &[u8]) -> &'a str {
    let by_prefix = specs.iter().filter_map(|spec| match &spec.matches {
        Some(Match::Prefix(prefix)) if key.starts_with(prefix.as_bytes()) => Some((prefix.len(), spec.name.as_str())),
        _ => None,
    });
    let by_database = specs.iter().find(|spec| spec.matches == Some(Match::Database(database)));
    by_prefix.max().map(|(_, name)| name).or(by_database.map(|spec| spec.name.as_str())).unwrap_or(DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_fall_where_a_node_would_put_them() {
        let spec =
            |name: &str, matches| NamespaceSpec { name: name.into(), matches, ..NamespaceSpec::default_namespace() };
        let specs = [
            spec("default", None),
            spec("user", Some(Match::Prefix("user:".into()))),
            spec("admin", Some(Match::Prefix("user:admin:".into()))),
            spec("three", Some(Match::Database(3))),
        ];
        assert_eq!(namespace_of(&specs, 0, b"user:1"), "user");
        assert_eq!(namespace_of(&specs, 0, b"user:admin:1"), "admin");
        assert_eq!(namespace_of(&specs, 3, b"x"), "three");
        assert_eq!(namespace_of(&specs, 3, b"user:1"), "user");
        assert_eq!(namespace_of(&specs, 0, b"x"), "default");
    }
}

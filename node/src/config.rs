//! What a node runs with: file, environment and flags become one [`Config`], validated once, before anything is bound.
//!
//! The command line hands over raw text ([`StartOptions`]); flags beat the file. Errors carry the YAML excerpt with a caret
//! and say what to do. Identity (id, data directory contents) is in `identity.rs`; binding the doors is in `lib.rs`.

use dcache_protocol::namespace::is_name;
use dcache_protocol::size::{format_size, parse_size};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

/// What the command line says, as typed. The environment is already folded in by the argument parser.
#[derive(Clone, Debug, Default)]
pub struct StartOptions {
    pub file: Option<PathBuf>,
    pub name: Option<String>,
    pub zone: Option<String>,
    pub gateway: Option<String>,
    pub listen: Option<String>,
    pub control: Option<String>,
    pub peers: Option<String>,
    /// No door for memcached's clients without it.
    pub memcached: Option<String>,
    /// Host other nodes and clients are told, when it is not the address listened on.
    pub announce: Option<String>,
    pub memory: Option<String>,
    pub weight: Option<u32>,
    pub workers: Option<usize>,
    pub join: Vec<String>,
    pub data_dir: Option<PathBuf>,
    pub insecure: bool,
    pub debug_commands: bool,
    pub log_format: Option<String>,
}

/// Why a node cannot start as asked, in the form the command line prints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    pub message: String,
    pub why: Option<String>,
    pub hints: Vec<String>,
    /// The request itself is wrong (exit code 2), as opposed to the machine's state (exit code 1).
    pub usage: bool,
}

impl ConfigError {
    pub fn usage(message: impl Into<String>) -> ConfigError {
        ConfigError { message: message.into(), why: None, hints: Vec::new(), usage: true }
    }

    pub fn failed(message: impl Into<String>) -> ConfigError {
        ConfigError { usage: false, ..ConfigError::usage(message) }
    }

    pub fn why(mut self, why: impl Into<String>) -> ConfigError {
        self.why = Some(why.into());
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> ConfigError {
        self.hints.push(hint.into());
        self
    }
}

/// Result of `node start --check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// The file that was read, or none.
    pub file: Option<PathBuf>,
    pub warnings: Vec<String>,
}

/// Everything a node needs to know to start.
#[derive(Clone, Debug)]
pub struct Config {
    pub name: String,
    pub zone: String,
    pub weight: u32,
    pub memory_bytes: u64,
    /// Share of the machine when the memory was not given.
    pub memory_is_default: bool,
    pub workers: usize,
    pub gateway: SocketAddr,
    pub cluster: SocketAddr,
    pub control: SocketAddr,
    pub peers: SocketAddr,
    pub memcached: Option<SocketAddr>,
    pub announce: Option<String>,
    /// Peers doors of a cluster to join, or where to look for one's own cluster.
    pub join: Vec<String>,
    pub data_dir: PathBuf,
    pub insecure: bool,
    /// DEBUG is allowed.
    pub debug_commands: bool,
    pub log: LogFormat,
    pub warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    Text,
    Json,
}

/// Smallest memory a node runs with.
pub const MEMORY_BYTES_MIN: u64 = 1 << 20;
const WORKERS_MAX: usize = 256;

/// `node.yaml`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct NodeFile {
    #[serde(rename = "apiVersion")]
    api_version: Option<String>,
    kind: Option<String>,
    name: Option<String>,
    zone: Option<String>,
    weight: Option<u32>,
    memory: Option<String>,
    gateway: Option<String>,
    listen: Option<String>,
    control: Option<String>,
    peers: Option<String>,
    memcached: Option<String>,
    announce: Option<String>,
    join: Vec<String>,
    data_dir: Option<PathBuf>,
    workers: Option<usize>,
    insecure: bool,
    debug_commands: bool,
    log_format: Option<String>,
}

impl Config {
    /// Merges file and flags and validates the whole. Resolves host names; binds nothing and writes nothing.
    pub fn load(options: &StartOptions) -> Result<Config, ConfigError> {
        let file: NodeFile = match &options.file {
            Some(path) => load_yaml(path)?,
            None => NodeFile::default(),
        };
        check_header(&file, options.file.as_deref())?;
        let mut warnings = Vec::new();
        let name = options.name.clone().or(file.name).unwrap_or_else(default_name);
        if !is_name(&name) {
            return Err(ConfigError::usage(format!("invalid node name {name:?}"))
                .why("a name has 1 to 64 letters, digits, '-', '_' or '.'")
                .hint("give one: dcache node start --name cache-a1"));
        }
        let zone = options.zone.clone().or(file.zone).unwrap_or_default();
        if !zone.is_empty() && !is_name(&zone) {
            return Err(ConfigError::usage(format!("invalid zone {zone:?}"))
                .why("a zone has 1 to 64 letters, digits, '-', '_' or '.'"));
        }
        let weight = options.weight.or(file.weight).unwrap_or(dcache_protocol::NodeRecord::WEIGHT_DEFAULT);
        if !(1..=10_000).contains(&weight) {
            return Err(ConfigError::usage(format!("weight {weight} is not in 1 to 10000")));
        }
        let (memory_bytes, memory_is_default) =
            memory(options.memory.as_deref().or(file.memory.as_deref()), &mut warnings)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = options.workers.or(file.workers).unwrap_or(cores);
        if !(1..=WORKERS_MAX).contains(&workers) {
            return Err(ConfigError::usage(format!("{workers} workers is not in 1 to {WORKERS_MAX}"))
                .hint("leave it out for one worker a core"));
        }
        let insecure = options.insecure || file.insecure;
        let door = |flag: &str, given: Option<&String>, in_file: Option<&String>, default: &str| {
            let text = given.or(in_file).map_or(default, String::as_str);
            resolve_door(flag, text, insecure)
        };
        let gateway = door("gateway", options.gateway.as_ref(), file.gateway.as_ref(), "127.0.0.1:6379")?;
        let cluster = door("listen", options.listen.as_ref(), file.listen.as_ref(), "127.0.0.1:7400")?;
        let control = door("control", options.control.as_ref(), file.control.as_ref(), "127.0.0.1:7401")?;
        let peers = door("peers", options.peers.as_ref(), file.peers.as_ref(), "127.0.0.1:7402")?;
        let memcached = match options.memcached.as_ref().or(file.memcached.as_ref()) {
            Some(address) => Some(door("memcached", Some(address), None, "")?),
            None => None,
        };
        let announce = options.announce.clone().or(file.announce);
        if announce.is_none()
            && let Some(address) = [gateway, cluster, control, peers].iter().find(|a| a.ip().is_unspecified())
        {
            return Err(ConfigError::usage(format!("{address} is no address others can be told"))
                .why("other nodes and clients are sent to the address a node announces")
                .hint("add the host they should use: dcache node start --announce cache-a1.internal"));
        }
        let join = if options.join.is_empty() { file.join } else { options.join.clone() };
        for address in &join {
            check_host_port("join", address)?;
        }
        let data_dir = match options.data_dir.clone().or(file.data_dir) {
            Some(dir) => dir,
            None => dirs::data_dir()
                .ok_or_else(|| ConfigError::usage("no home for data").hint("give a folder: --data-dir DIR"))?
                .join("dcache")
                .join(&name),
        };
        let log = match options.log_format.as_deref().or(file.log_format.as_deref()) {
            None | Some("auto") => LogFormat::Auto,
            Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(other) => {
                return Err(ConfigError::usage(format!("unknown log format {other:?}")).hint("use auto, text or json"));
            }
        };
        Ok(Config {
            name,
            zone,
            weight,
            memory_bytes,
            memory_is_default,
            workers,
            gateway,
            cluster,
            control,
            peers,
            memcached,
            announce,
            join,
            data_dir,
            insecure,
            debug_commands: options.debug_commands || file.debug_commands,
            log,
            warnings,
        })
    }
}

/// Validates as [`Config::load`] does and tells the warnings.
pub fn check(options: &StartOptions) -> Result<CheckReport, ConfigError> {
    let config = Config::load(options)?;
    Ok(CheckReport { file: options.file.clone(), warnings: config.warnings })
}

fn check_header(file: &NodeFile, path: Option<&Path>) -> Result<(), ConfigError> {
    let path = path.unwrap_or(Path::new("node.yaml")).display();
    let expect = |what: &str, given: &Option<String>, wanted: &str| match given {
        Some(given) if given != wanted => {
            Err(ConfigError::usage(format!("{path}: {what} is {given:?}, this program reads {wanted:?}")))
        }
        _ => Ok(()),
    };
    expect("apiVersion", &file.api_version, dcache_protocol::control::API_VERSION)?;
    expect("kind", &file.kind, "Node")
}

/// Reads a YAML file of ours: at most 1 MiB, unknown fields and duplicate keys refused, errors with excerpt and caret.
pub fn load_yaml<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    const FILE_BYTES_MAX: u64 = 1 << 20;
    let unreadable = |why: String| {
        ConfigError::usage(format!("cannot read {}", path.display()))
            .why(why)
            .hint("check the path and its permissions")
    };
    let length = std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?.len();
    if length > FILE_BYTES_MAX {
        return Err(unreadable(format!("it has {length} bytes; a configuration file has at most {FILE_BYTES_MAX}")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))?;
    parse_yaml(&text, &path.display().to_string())
}

fn parse_yaml<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, ConfigError> {
    serde_yaml::from_str(text).map_err(|error| {
        let printed = error.to_string();
        // The library prints a headline, then `--> <input>:line:column` and the excerpt.
        let (headline, excerpt) = printed.split_once('\n').unwrap_or((&printed, ""));
        let headline = headline.trim_start_matches("error: ");
        let headline = headline
            .split_once(": ")
            .map_or(headline, |(place, rest)| if place.starts_with("line ") { rest } else { headline });
        let mut result = ConfigError::usage(format!("{file}: {headline}"));
        if !excerpt.is_empty() {
            result = result.why(format!("\n{}", excerpt.replace("<input>", file)));
        }
        if let Some(near) = nearest_field(headline) {
            result = result.hint(format!("did you mean `{near}`?"));
        }
        result
    })
}

/// The expected field nearest to the unknown one, from the message `unknown field `x`, expected one of a, b`.
fn nearest_field(headline: &str) -> Option<&str> {
    let rest = headline.strip_prefix("unknown field `")?;
    let (given, rest) = rest.split_once('`')?;
    let (_, expected) = rest.split_once("expected ")?;
    let expected = expected.trim_start_matches("one of ");
    let names = expected.split(", ").map(|name| name.trim_matches('`'));
    names
        .map(|name| (distance(given, name), name))
        .filter(|(d, name)| *d <= 2.max(name.len() / 3))
        .min()
        .map(|(_, n)| n)
}

/// Edit distance (Levenshtein 1966), for names as short as ours.
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn memory(text: Option<&str>, warnings: &mut Vec<String>) -> Result<(u64, bool), ConfigError> {
    let machine = machine_memory_bytes();
    let Some(text) = text else {
        // A machine that does not say gets what a small one would.
        let bytes = machine.map_or(1 << 30, |all| all / 4).max(MEMORY_BYTES_MIN);
        return Ok((bytes, true));
    };
    let bytes = match text.trim().strip_suffix('%') {
        Some(percent) => {
            let percent: f64 =
                percent.trim().parse().map_err(|_| ConfigError::usage(format!("invalid memory {text:?}")))?;
            let machine = machine.ok_or_else(|| {
                ConfigError::usage(format!("memory {text:?} needs to know this machine's memory"))
                    .hint("give bytes instead: --memory 2GiB")
            })?;
            (machine as f64 * percent / 100.0) as u64
        }
        None => parse_size(text).map_err(|why| ConfigError::usage(format!("invalid memory {text:?}")).why(why))?,
    };
    if bytes < MEMORY_BYTES_MIN {
        return Err(ConfigError::usage(format!("memory {text} is too little"))
            .why(format!("a node needs at least {}", format_size(MEMORY_BYTES_MIN)))
            .hint("for example: --memory 256MiB"));
    }
    if let Some(machine) = machine
        && bytes as f64 > machine as f64 * 0.9
    {
        warnings.push(format!(
            "memory {} is {:.0} % of this machine ({}); leave room for connections (suggest {})",
            text,
            bytes as f64 * 100.0 / machine as f64,
            format_size(machine),
            format_size(machine / 4 * 3)
        ));
    }
    Ok((bytes, false))
}

/// Memory this process may use: the machine's, or its cgroup's limit when that is lower. `None` where neither can be read.
fn machine_memory_bytes() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let total = line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024;
    let cgroup = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    Some(cgroup.map_or(total, |limit: u64| limit.min(total)))
}

fn default_name() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_default();
    let name: String =
        text.trim().chars().take(64).map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect();
    if is_name(&name) { name } else { "node".into() }
}

fn resolve_door(flag: &str, text: &str, insecure: bool) -> Result<SocketAddr, ConfigError> {
    check_host_port(flag, text)?;
    let address = text
        .to_socket_addrs()
        .map_err(|e| ConfigError::usage(format!("cannot resolve {text:?} given for --{flag}")).why(e.to_string()))?
        .next()
        .ok_or_else(|| ConfigError::usage(format!("{text:?} given for --{flag} resolves to no address")))?;
    if !is_loopback(address.ip()) && !insecure {
        return Err(ConfigError::usage(format!("refusing to listen on {address} (--{flag}) without encryption"))
            .why("anyone who reaches this address could read and change everything")
            .hint("keep it on this machine: leave the flag out, or use 127.0.0.1")
            .hint(format!("on a network you trust: dcache node start --{flag} {text} --insecure")));
    }
    Ok(address)
}

fn is_loopback(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback()),
    }
}

fn check_host_port(flag: &str, text: &str) -> Result<(), ConfigError> {
    let valid = text.len() <= 300
        && text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if valid {
        return Ok(());
    }
    Err(ConfigError::usage(format!("invalid address {text:?} for --{flag}"))
        .why("an address is HOST:PORT, with a port from 0 to 65535 (0 takes any free one)")
        .hint(format!("for example: --{flag} 127.0.0.1:7400")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Result<NodeFile, ConfigError> {
        parse_yaml(text, "node.yaml")
    }

    #[test]
    fn a_wrong_field_shows_its_line_with_a_caret_and_the_nearest_name() {
        let error = yaml("name: a\nmemroy: 2GiB\n").expect_err("unknown field");
        assert!(error.message.starts_with("node.yaml: unknown field `memroy`"), "{}", error.message);
        let why = error.why.expect("excerpt");
        assert!(why.contains("node.yaml:2:1") && why.contains("2 | memroy: 2GiB") && why.contains('^'), "{why}");
        assert_eq!(error.hints, ["did you mean `memory`?"]);
        assert!(error.usage);
    }

    #[test]
    fn duplicate_keys_and_wrong_types_are_refused() {
        assert!(yaml("name: a\nname: b\n").is_err());
        assert!(yaml("weight: heavy\n").is_err());
    }

    #[test]
    fn flags_beat_the_file_and_other_addresses_need_a_word() {
        let options = StartOptions { name: Some("n1".into()), memory: Some("64MiB".into()), ..StartOptions::default() };
        let config = Config::load(&options).expect("valid");
        assert_eq!((config.name.as_str(), config.memory_bytes, config.memory_is_default), ("n1", 64 << 20, false));
        assert_eq!(config.gateway.port(), 6379);

        let open = StartOptions { listen: Some("192.0.2.1:7400".into()), ..options.clone() };
        let error = Config::load(&open).expect_err("not loopback");
        assert!(error.hints.iter().any(|h| h.contains("--insecure")), "{error:?}");
        assert!(Config::load(&StartOptions { insecure: true, ..open }).is_ok());

        let unspecified = StartOptions { listen: Some("0.0.0.0:7400".into()), insecure: true, ..options.clone() };
        assert!(Config::load(&unspecified).expect_err("needs announce").hints[0].contains("--announce"));
        assert!(Config::load(&StartOptions { memory: Some("lots".into()), ..options.clone() }).is_err());
        assert!(Config::load(&StartOptions { gateway: Some("6379".into()), ..options }).is_err());
    }

    #[test]
    fn edit_distance() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}

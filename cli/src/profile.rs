//! Which cluster is meant: flag, then environment, then the config file's selected context, then this machine.
//!
//! Contexts are kept in `dcache/config.yaml` in the user's config folder, readable by the user alone. State (local clusters,
//! reports) goes to the state folder, never here.

use crate::args::Global;
use crate::error::{CliError, Result};
use dcache_protocol::control::API_VERSION;
use dcache_protocol::namespace::is_name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Control door asked when nothing says otherwise.
pub const BUILT_IN: &str = "127.0.0.1:7401";

/// A named cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Context {
    /// Control doors, `host:port`.
    pub endpoints: Vec<String>,
    /// Dangerous verbs ask for the context's name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
    /// TAB may scan for key names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub complete_keys: bool,
}

/// Content of `config.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct ConfigFile {
    #[serde(rename = "apiVersion", default)]
    api_version: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    /// Name of the selected context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current: Option<String>,
    #[serde(default)]
    contexts: BTreeMap<String, Context>,
}

/// The contexts, as read from the file.
#[derive(Clone, Debug)]
pub struct Profiles {
    path: PathBuf,
    pub current: Option<String>,
    pub contexts: BTreeMap<String, Context>,
}

/// The cluster this run talks to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub endpoints: Vec<String>,
    /// Name of the context, when it comes from one.
    pub context: Option<String>,
    pub protected: bool,
    /// Where this was found, in words.
    pub source: &'static str,
}

impl Target {
    /// The context's name when dangerous verbs must ask for it.
    pub fn protected_name(&self) -> Option<&str> {
        self.context.as_deref().filter(|_| self.protected)
    }
}

impl Profiles {
    /// Reads the file; without one there are no contexts.
    pub fn load() -> Result<Profiles> {
        let dir = dirs::config_dir().ok_or_else(|| {
            CliError::failed("no config folder").why("neither XDG_CONFIG_HOME nor HOME is set").hint("set HOME")
        })?;
        Profiles::load_from(dir.join("dcache").join("config.yaml"))
    }

    fn load_from(path: PathBuf) -> Result<Profiles> {
        if !path.exists() {
            return Ok(Profiles { path, current: None, contexts: BTreeMap::new() });
        }
        let file: ConfigFile = dcache_node::load_yaml(&path)?;
        for (what, given, wanted) in [("apiVersion", &file.api_version, API_VERSION), ("kind", &file.kind, "Config")] {
            if given.as_ref().is_some_and(|given| given != wanted) {
                let shown = given.as_deref().unwrap_or_default();
                return Err(CliError::usage(format!("{}: {what} is {shown:?}", path.display()))
                    .why(format!("this program reads {wanted:?}")));
            }
        }
        Ok(Profiles { path, current: file.current, contexts: file.contexts })
    }

    /// Writes the file whole, so that a crash leaves the old or the new one.
    pub fn save(&self) -> Result<()> {
        let file = ConfigFile {
            api_version: Some(API_VERSION.into()),
            kind: Some("Config".into()),
            current: self.current.clone(),
            contexts: self.contexts.clone(),
        };
        let text = serde_yaml::to_string(&file)
            .map_err(|error| CliError::failed("cannot write the config file").why(error))?;
        write_private(&self.path, text.as_bytes()).map_err(|error| {
            CliError::failed(format!("cannot write {}", self.path.display())).why(error).hint("check its permissions")
        })
    }

    /// The context of that name, or an error with the names nearest to it.
    pub fn context(&self, name: &str) -> Result<&Context> {
        self.contexts.get(name).ok_or_else(|| {
            CliError::no_such("context", name, self.contexts.keys().map(String::as_str))
                .hint("add it: dcache context add NAME HOST:PORT")
        })
    }

    /// The cluster to talk to, by the order of precedence.
    pub fn target(&self, global: &Global) -> Result<Target> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        self.choose(global, variable("DCACHE_CONTEXT"), variable("DCACHE_ENDPOINTS"))
    }

    fn choose(&self, global: &Global, context: Option<String>, endpoints: Option<String>) -> Result<Target> {
        let direct = |endpoints, source| Target { endpoints, context: None, protected: false, source };
        let named = |name: &str, source| {
            let context = self.context(name)?;
            let (endpoints, protected) = (context.endpoints.clone(), context.protected);
            Ok(Target { endpoints, context: Some(name.into()), protected, source })
        };
        if !global.endpoints.is_empty() {
            return Ok(direct(global.endpoints.clone(), "--endpoint"));
        }
        if let Some(name) = &global.context {
            return named(name, "--context");
        }
        if let Some(list) = endpoints {
            let endpoints = list.split(',').map(|endpoint| endpoint.trim().to_string()).collect();
            return Ok(direct(endpoints, "DCACHE_ENDPOINTS"));
        }
        if let Some(name) = context {
            return named(&name, "DCACHE_CONTEXT");
        }
        match &self.current {
            Some(name) => named(name, "the selected context"),
            None => Ok(direct(vec![BUILT_IN.into()], "built in")),
        }
    }
}

/// Writes a file that only the user can read, by way of a temporary one beside it.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let written = File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary).and_then(
        |mut file: File| {
            file.write_all(bytes)?;
            file.sync_all()
        },
    );
    match written.and_then(|()| fs::rename(&temporary, path)) {
        Ok(()) => Ok(()),
        Err(error) => {
            // What is left over is only a temporary file.
            let _ = fs::remove_file(&temporary);
            Err(error)
        }
    }
}

/// A name a context may have.
pub fn check_name(name: &str) -> Result<()> {
    if is_name(name) {
        return Ok(());
    }
    Err(CliError::usage(format!("{name:?} cannot be a context's name"))
        .why("a name has 1 to 64 letters, digits, '-', '_' or '.'"))
}

/// Folder for what this program remembers: local clusters and reports of bugs.
pub fn state_dir() -> Result<PathBuf> {
    // Only Linux has a state folder of its own.
    let dir = dirs::state_dir().or_else(dirs::data_local_dir);
    dir.map(|dir| dir.join("dcache")).ok_or_else(|| CliError::failed("no folder for state").hint("set HOME"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::os::unix::fs::PermissionsExt;

    fn profiles(dir: &Path) -> Profiles {
        let context = |endpoint: &str| Context { endpoints: vec![endpoint.into()], ..Context::default() };
        Profiles {
            path: dir.join("dcache").join("config.yaml"),
            current: Some("one".into()),
            contexts: [("one".into(), context("one:1")), ("two".into(), context("two:2"))].into(),
        }
    }

    fn global(args: &[&str]) -> Global {
        crate::args::Cli::try_parse_from([&["dcache"], args, &["version"]].concat()).unwrap().global
    }

    #[test]
    fn flag_beats_environment_beats_file_beats_built_in() {
        let dir = tempfile::tempdir().unwrap();
        let profiles = profiles(dir.path());
        let target = |args: &[&str], context: Option<&str>, endpoints: Option<&str>| {
            profiles.choose(&global(args), context.map(Into::into), endpoints.map(Into::into)).unwrap().endpoints
        };
        assert_eq!(target(&["--endpoint", "f:1", "-c", "two"], Some("one"), Some("e:1")), ["f:1"]);
        assert_eq!(target(&["-c", "two"], Some("one"), Some("e:1")), ["two:2"]);
        assert_eq!(target(&[], Some("two"), Some("e:1, e:2")), ["e:1", "e:2"]);
        assert_eq!(target(&[], Some("two"), None), ["two:2"]);
        assert_eq!(target(&[], None, None), ["one:1"]);
        let none = Profiles { current: None, ..profiles.clone() };
        assert_eq!(none.choose(&global(&[]), None, None).unwrap().endpoints, [BUILT_IN]);
        let error = profiles.choose(&global(&["-c", "tow"]), None, None).unwrap_err();
        assert_eq!(error.exit, crate::exit::Exit::NotFound);
        assert_eq!(error.hints[0], "did you mean two?");
    }

    #[test]
    fn the_file_comes_back_and_is_the_users_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut written = profiles(dir.path());
        written.contexts.get_mut("two").unwrap().protected = true;
        written.save().unwrap();
        let mode = fs::metadata(&written.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let read = Profiles::load_from(written.path.clone()).unwrap();
        assert_eq!((read.current, read.contexts), (written.current, written.contexts));
        fs::write(&written.path, "contexts:\n  a: {endpoint: [x]}\n").unwrap();
        assert_eq!(Profiles::load_from(written.path).unwrap_err().exit, crate::exit::Exit::Usage);
    }
}

//! Libraries of functions, as the cluster agrees on them: their code, and what each one registers, said by whoever proposed it.
//!
//! Names are in order and bounds are kept here, for all ways of changing libraries. Errors are worded as clients are to read them.
//! What code means is not known here.

use super::{Metadata, Refusal};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most libraries of a cluster.
pub const LIBRARIES_MAX: usize = 64;

/// Most functions of a library.
pub const FUNCTIONS_MAX: usize = 1024;

/// The longest code of a library.
pub const LIBRARY_BYTES_MAX: usize = 512 << 10;

/// All libraries together, names and descriptions included.
pub const LIBRARIES_BYTES_MAX: usize = 2 << 20;

/// The longest name of a library or of a function.
const NAME_BYTES_MAX: usize = 256;

/// All libraries, by name.
pub type Libraries = BTreeMap<String, Arc<Library>>;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Library {
    /// As it was loaded, with its first line.
    pub code: Arc<str>,
    /// By name.
    pub functions: BTreeMap<String, Function>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub flags: BTreeSet<FunctionFlag>,
}

/// What a function may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FunctionFlag {
    NoWrites,
    AllowOom,
    AllowStale,
    NoCluster,
    AllowCrossSlotKeys,
}

/// What becomes of the libraries that there are when others are restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Restore {
    /// They stay, and none may have a name of the new ones.
    Append,
    /// They stay, except those with a name of the new ones.
    Replace,
    /// They go.
    Flush,
}

impl FunctionFlag {
    pub const ALL: [FunctionFlag; 5] = [
        FunctionFlag::NoWrites,
        FunctionFlag::AllowOom,
        FunctionFlag::AllowStale,
        FunctionFlag::NoCluster,
        FunctionFlag::AllowCrossSlotKeys,
    ];

    /// As clients write it.
    pub fn name(self) -> &'static str {
        match self {
            FunctionFlag::NoWrites => "no-writes",
            FunctionFlag::AllowOom => "allow-oom",
            FunctionFlag::AllowStale => "allow-stale",
            FunctionFlag::NoCluster => "no-cluster",
            FunctionFlag::AllowCrossSlotKeys => "allow-cross-slot-keys",
        }
    }
}

impl Library {
    /// About what it takes of memory and of the log.
    pub fn bytes(&self) -> usize {
        let described = |function: &Function| function.description.as_ref().map_or(0, String::len);
        let functions = self.functions.iter().map(|(name, function)| name.len() + described(function));
        self.code.len() + functions.sum::<usize>()
    }
}

/// The library that has a function, whose name is matched in any case.
pub fn find<'a>(libraries: &'a Libraries, function: &str) -> Option<(&'a str, &'a Arc<Library>, &'a str)> {
    libraries.iter().find_map(|(name, library)| {
        let exact = library.functions.get_key_value(function).map(|(name, _)| name);
        let alike = || library.functions.keys().find(|known| known.eq_ignore_ascii_case(function));
        Some((&name[..], library, &exact.or_else(alike)?[..]))
    })
}

/// Letters, digits and underscores, one at least.
pub fn is_name(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_word)
}

/// Whether these may be all that there are.
pub fn check(libraries: &Libraries) -> Result<(), String> {
    if libraries.len() > LIBRARIES_MAX {
        return Err(format!("a cluster has at most {LIBRARIES_MAX} libraries"));
    }
    let mut seen = BTreeSet::new();
    for (name, library) in libraries {
        if !is_name(name) || !library.functions.keys().all(|name| is_name(name)) {
            return Err(NAMES.into());
        }
        if library.code.len() > LIBRARY_BYTES_MAX {
            return Err(format!("library '{name}' is longer than {LIBRARY_BYTES_MAX} bytes"));
        }
        if library.functions.is_empty() {
            return Err("No functions registered".into());
        }
        if library.functions.len() > FUNCTIONS_MAX {
            return Err(format!("library '{name}' has more than {FUNCTIONS_MAX} functions"));
        }
        for function in library.functions.keys() {
            if !seen.insert(function.to_ascii_lowercase()) {
                return Err(format!("Function {function} already exists"));
            }
        }
    }
    if libraries.values().map(|library| library.bytes()).sum::<usize>() > LIBRARIES_BYTES_MAX {
        return Err(format!("all libraries together are longer than {LIBRARIES_BYTES_MAX} bytes"));
    }
    Ok(())
}

/// What is said of a name that is none.
pub const NAMES: &str =
    "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

/// Said of a library that a change would bring, and that is there.
pub fn exists(name: &str) -> String {
    format!("Library '{name}' already exists")
}

impl Metadata {
    pub(super) fn set_library(&mut self, name: &str, library: &Arc<Library>, replaces: bool) -> Result<(), Refusal> {
        if !replaces && self.libraries.contains_key(name) {
            return Err(Refusal::Invalid(exists(name)));
        }
        if self.libraries.get(name) == Some(library) {
            return Err(Refusal::NoChange);
        }
        let mut libraries = self.libraries.clone();
        libraries.insert(name.into(), library.clone());
        self.take_libraries(libraries)
    }

    pub(super) fn delete_library(&mut self, name: &str) -> Result<(), Refusal> {
        self.libraries.remove(name).map(drop).ok_or_else(|| Refusal::Invalid("Library not found".into()))
    }

    pub(super) fn restore_libraries(&mut self, restored: &Libraries, policy: Restore) -> Result<(), Refusal> {
        let mut libraries = match policy {
            Restore::Flush => Libraries::new(),
            Restore::Append | Restore::Replace => self.libraries.clone(),
        };
        if policy == Restore::Append
            && let Some(name) = restored.keys().find(|name| libraries.contains_key(*name))
        {
            // As Redis words it here.
            return Err(Refusal::Invalid(format!("Library {name} already exists")));
        }
        libraries.extend(restored.iter().map(|(name, library)| (name.clone(), library.clone())));
        if libraries == self.libraries {
            return Err(Refusal::NoChange);
        }
        self.take_libraries(libraries)
    }

    fn take_libraries(&mut self, libraries: Libraries) -> Result<(), Refusal> {
        check(&libraries).map_err(Refusal::Invalid)?;
        self.libraries = libraries;
        Ok(())
    }
}

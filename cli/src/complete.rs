//! Completion on TAB: candidates that are looked up, and bash's registration, rewritten for keys with a colon.
//!
//! Bash splits words at `:`, so after `dcache get user:` and TAB clap's own script completes an empty word and inserts `--`.
//! Ours joins the split words again from the raw line, and cuts from the answers what bash considers written already, without
//! touching the user's COMP_WORDBREAKS. Everything here has a budget of 150 ms, asks one node once, and is silent on failure;
//! no completion must ever hang or print. clap's dynamic engine is still unstable, so all of it is used in this file only.

use crate::profile::{Profiles, Target, state_dir};
use clap::Command;
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Shells, Zsh};
use clap_complete::{CompleteEnv, Shell};
use dcache_client::{Control, Data, Value};
use dcache_protocol::operation::OperationStatus;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Variable that asks for completions instead of a run.
const VARIABLE: &str = "COMPLETE";

const BUDGET: Duration = Duration::from_millis(150);

/// How long names of nodes and namespaces are remembered.
const CACHE_AGE_MAX: Duration = Duration::from_secs(5);

/// Most key names offered.
const KEYS_MAX: usize = 100;

const SHELLS: &[&dyn EnvCompleter] = &[&ColonBash, &Elvish, &Fish, &Powershell, &Zsh];

/// Answers a shell that asks for completions. `true`: this run is over.
pub fn answer(tree: fn() -> Command) -> bool {
    let complete = CompleteEnv::with_factory(tree).var(VARIABLE).shells(Shells(SHELLS));
    let asked = std::env::var_os(VARIABLE).is_some_and(|value| !value.is_empty() && value != "0");
    // A completion that fails offers nothing; telling why would garble the line being typed.
    complete.try_complete(std::env::args_os(), std::env::current_dir().ok().as_deref()).unwrap_or(asked)
}

/// The script a shell sources at its start. `program` is what it will run to get completions.
pub fn registration(shell: Shell, program: &str) -> io::Result<Vec<u8>> {
    let name = match shell {
        Shell::Bash => "bash",
        Shell::Elvish => "elvish",
        Shell::Fish => "fish",
        Shell::PowerShell => "powershell",
        Shell::Zsh => "zsh",
        _ => return Err(io::Error::other("this shell has no dynamic completions")),
    };
    let shells = Shells(SHELLS);
    let completer = shells.completer(name).ok_or_else(|| io::Error::other("this shell has no dynamic completions"))?;
    let mut script = Vec::new();
    completer.write_registration(VARIABLE, "dcache", "dcache", program, &mut script)?;
    Ok(script)
}

/// Bash with keys like `user:1`.
struct ColonBash;

impl EnvCompleter for ColonBash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn is(&self, name: &str) -> bool {
        name == "bash"
    }

    fn write_registration(
        &self,
        var: &str,
        name: &str,
        bin: &str,
        completer: &str,
        buf: &mut dyn Write,
    ) -> io::Result<()> {
        let quoted = format!("'{}'", completer.replace('\'', r"'\''"));
        let script = BASH.replace("@NAME@", name).replace("@BIN@", bin).replace("@VAR@", var);
        buf.write_all(script.replace("@COMPLETER@", &quoted).as_bytes())
    }

    fn write_complete(
        &self,
        cmd: &mut Command,
        args: Vec<OsString>,
        current_dir: Option<&Path>,
        buf: &mut dyn Write,
    ) -> io::Result<()> {
        Bash.write_complete(cmd, args, current_dir, buf)
    }
}

/// `COMP_WORDS` holds `user`, `:` and `1` for one word `user:1`. Words that stand without a space between them in `COMP_LINE`
/// are one; what precedes the last `:` or `=` of it is on the line already and is cut from each answer.
const BASH: &str = r#"
_dcache_complete_@NAME@() {
    local IFS=$'\013'
    local space=true
    if compopt +o nospace 2> /dev/null; then
        space=false
    fi
    local line="${COMP_LINE:0:$COMP_POINT}" words=() index=-1 i word rest
    rest="$line"
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        if ((i == COMP_CWORD)); then
            # Only what stands before the cursor.
            while [[ -n "$word" && "$rest" != *"$word" ]]; do word="${word%?}"; done
        fi
        if ((index >= 0)) && [[ "${rest:0:1}" != [[:space:]] ]]; then
            words[index]+="$word"
        else
            ((index += 1))
            words[index]="$word"
        fi
        rest="${rest#"${rest%%[![:space:]]*}"}"
        rest="${rest#"$word"}"
    done
    COMPREPLY=( $( \
        _CLAP_IFS="$IFS" \
        _CLAP_COMPLETE_INDEX="$index" \
        _CLAP_COMPLETE_COMP_TYPE="${COMP_TYPE:-9}" \
        _CLAP_COMPLETE_SPACE="$space" \
        @VAR@="bash" \
        @COMPLETER@ -- "${words[@]}" \
    ) )
    if [[ $? != 0 ]]; then
        unset COMPREPLY
        return
    fi
    local current="${words[index]}" written=""
    if [[ "$current" == *:* && "$COMP_WORDBREAKS" == *:* ]]; then
        written="${current%"${current##*:}"}"
    fi
    if [[ "$current" == *=* && "$COMP_WORDBREAKS" == *=* ]]; then
        local to_equals="${current%"${current##*=}"}"
        if ((${#to_equals} > ${#written})); then written="$to_equals"; fi
    fi
    if [[ -n "$written" ]]; then
        for i in "${!COMPREPLY[@]}"; do
            COMPREPLY[i]="${COMPREPLY[i]#"$written"}"
        done
    fi
    if [[ $space == false && "${COMPREPLY-}" =~ [=/:]$ ]]; then
        compopt -o nospace 2> /dev/null
    fi
}
if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -o nospace -o bashdefault -o nosort -F _dcache_complete_@NAME@ @BIN@
else
    complete -o nospace -o bashdefault -F _dcache_complete_@NAME@ @BIN@
fi
"#;

/// Names of the contexts in the config file.
pub fn contexts() -> Vec<CompletionCandidate> {
    let profiles = Profiles::load();
    profiles.into_iter().flat_map(|profiles| profiles.contexts.into_keys()).map(CompletionCandidate::new).collect()
}

/// What help tells of: commands and topics, and behind `commands` those that clients send.
pub fn topics() -> Vec<CompletionCandidate> {
    // What is being completed is not said to this function; the line is in the arguments.
    if ["help", "commands"].iter().all(|wanted| std::env::args().any(|word| word == *wanted)) {
        return crate::command::commands::names().into_iter().map(CompletionCandidate::new).collect();
    }
    let tree = crate::help::tree();
    let verbs = tree.get_subcommands().map(|verb| verb.get_name().to_string());
    verbs.chain(crate::help::TOPICS.map(str::to_string)).map(CompletionCandidate::new).collect()
}

/// Names of the local clusters of this user.
pub fn local_clusters() -> Vec<CompletionCandidate> {
    crate::command::local::names().into_iter().map(CompletionCandidate::new).collect()
}

/// Names of the cluster's nodes.
pub fn nodes() -> Vec<CompletionCandidate> {
    names().nodes.into_iter().map(CompletionCandidate::new).collect()
}

/// Names of the cluster's namespaces.
pub fn namespaces() -> Vec<CompletionCandidate> {
    names().namespaces.into_iter().map(CompletionCandidate::new).collect()
}

/// Ids of the operations, with what they are.
pub fn operations() -> Vec<CompletionCandidate> {
    // Not remembered: which one is under way changes, and there are few.
    let fetched = target().and_then(|(target, _)| {
        within_budget(async move { Control::new(&target.endpoints, BUDGET).ok()?.operations().await.ok() })
    });
    let about = |operation: &OperationStatus| {
        let of = if operation.nodes.is_empty() { String::new() } else { format!(" of {}", operation.nodes.join(", ")) };
        format!("{}{of}, {}", operation.kind, operation.state)
    };
    let candidate = |operation: OperationStatus| {
        CompletionCandidate::new(operation.id.to_string()).help(Some(about(&operation).into()))
    };
    fetched.unwrap_or_default().into_iter().map(candidate).collect()
}

/// Keys that begin with what is typed, if the context allows looking.
pub fn keys(current: &OsStr) -> Vec<CompletionCandidate> {
    let (Some(typed), Some((target, profiles))) = (current.to_str(), target()) else { return Vec::new() };
    let allowed = target.context.as_ref().and_then(|name| profiles.contexts.get(name)).is_some_and(|c| c.complete_keys);
    if !allowed {
        return Vec::new();
    }
    let found = within_budget(scan_keys(&target, typed)).unwrap_or_default();
    found.into_iter().map(CompletionCandidate::new).collect()
}

async fn scan_keys(target: &Target, typed: &str) -> Option<Vec<String>> {
    let node = Control::new(&target.endpoints, BUDGET).ok()?.node().await.ok()?;
    let mut data = Data::connect(&[node.addresses.gateway], BUDGET).await.ok()?;
    let mut pattern: Vec<u8> = Vec::new();
    for byte in typed.bytes() {
        if b"*?[]\\".contains(&byte) {
            pattern.push(b'\\');
        }
        pattern.push(byte);
    }
    pattern.push(b'*');
    let (mut cursor, mut keys) = (b"0".to_vec(), Vec::new());
    // As far as the budget goes: what was found until then is offered.
    while keys.len() < KEYS_MAX {
        let args: [&[u8]; 6] = [b"SCAN", &cursor, b"MATCH", &pattern, b"COUNT", b"1000"];
        let Ok(Value::Array(parts)) = data.call(&args).await else { break };
        let [next, Value::Array(found)] = &parts[..] else { break };
        let texts = found.iter().filter_map(Value::as_bytes).filter_map(|key| String::from_utf8(key.to_vec()).ok());
        keys.extend(texts.filter(|key| !key.chars().any(char::is_control)));
        cursor = next.as_bytes()?.to_vec();
        if cursor == b"0" {
            break;
        }
    }
    keys.sort_unstable();
    keys.dedup();
    keys.truncate(KEYS_MAX);
    Some(keys)
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Names {
    nodes: Vec<String>,
    namespaces: Vec<String>,
}

/// Names as of at most five seconds ago.
fn names() -> Names {
    let Some((target, _)) = target() else { return Names::default() };
    let cache = cache_path(&target);
    if let Some(names) = cache.as_deref().and_then(read_fresh) {
        return names;
    }
    let fetched = within_budget(async {
        let control = Control::new(&target.endpoints, BUDGET).ok()?;
        let namespaces = control.namespaces().await.ok()?;
        let status = control.cluster().await.ok()?;
        let nodes = status.nodes.into_iter().map(|node| node.name).collect();
        Some(Names { nodes, namespaces: namespaces.into_iter().map(|n| n.spec.name).collect() })
    });
    if let (Some(names), Some(path)) = (&fetched, &cache)
        && let Ok(text) = serde_json::to_vec(names)
    {
        // Without the file the next TAB asks again.
        let _ = crate::profile::write_private(path, &text);
    }
    fetched.unwrap_or_default()
}

fn cache_path(target: &Target) -> Option<PathBuf> {
    // One file a target: the name is what is asked, made safe for a file name.
    let name: String =
        target.endpoints.join("-").chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let short: String = name.chars().take(100).collect();
    let dir = dirs::cache_dir().map(|dir| dir.join("dcache")).or_else(|| state_dir().ok())?;
    Some(dir.join(format!("names-{short}.json")))
}

fn read_fresh<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let age = std::fs::metadata(path).ok()?.modified().ok()?.elapsed().ok()?;
    (age < CACHE_AGE_MAX)
        .then(|| std::fs::read(path).ok())
        .flatten()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
}

/// What environment and config file say; flags on the line being typed are not looked at.
fn target() -> Option<(Target, Profiles)> {
    use clap::Parser;
    let profiles = Profiles::load().ok()?;
    let global = crate::args::Cli::try_parse_from(["dcache"]).ok()?.global;
    Some((profiles.target(&global).ok()?, profiles))
}

fn within_budget<T>(work: impl Future<Output = Option<T>>) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async { tokio::time::timeout(BUDGET, work).await.ok().flatten() })
}

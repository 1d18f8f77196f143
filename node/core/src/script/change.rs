//! Changes of libraries: `FUNCTION LOAD` and its kin are tried on a script thread, agreed on outside, and answered when this node acts
//! on what was agreed.
//!
//! ```text
//! FUNCTION LOAD ─► a script thread loads it, for errors ─► Proposal ─► the metadata log ─► Node::publish ─► the reply
//! ```

use super::functions::{LOADS_WITHIN, head_of};
use super::job::{Job, Request, State};
use super::machine::Machine;
use super::repeats::Repeats;
use super::run::Came;
use super::{Made, Scripts, WakeCell};
use crate::Node;
use crate::clients::Wake;
use crate::command::{self, Command};
use dcache_cluster::metadata::Command as Change;
use dcache_cluster::metadata::libraries::{LIBRARY_BYTES_MAX, Libraries, Library, Restore, exists};
use dcache_protocol::Epoch;
use dcache_protocol::error::WireError;
use dcache_protocol::resp::parse::Args;
use dcache_protocol::resp::reply::{Reply, Version};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

const NOT_TEXT: &str = "the code of a library has to be UTF-8";

/// Changes that may be under way.
const PROPOSALS_MAX: usize = 64;

/// Past this a change that was agreed on is answered even so; this node will follow.
const ACTS_WITHIN: Duration = Duration::from_secs(5);

/// Something to be agreed on, and who waits for it.
#[derive(Debug)]
pub struct Proposal {
    pub change: Change,
    job: Arc<Job>,
    /// To be said once it is agreed.
    reply: Vec<u8>,
    version: Version,
    at: Duration,
    epoch: Epoch,
}

/// What is to be agreed on, and what was and is not acted on yet.
#[derive(Debug, Default)]
pub(super) struct Agreements {
    proposals: Mutex<Vec<Proposal>>,
    awaited: Mutex<Vec<Proposal>>,
    /// Whether any are awaited.
    is_awaited: AtomicBool,
    open: AtomicUsize,
    wake: WakeCell,
}

impl Scripts {
    /// Told when there are proposals.
    pub fn on_proposal(&self, wake: Wake) {
        // Said once, when the node starts.
        let _ = self.agreements.wake.0.set(wake);
    }

    /// What is to be agreed on. Each is to be given to [`Node::agreed`] or [`Scripts::refused`].
    pub fn take_proposals(&self) -> Vec<Proposal> {
        std::mem::take(&mut *self.agreements.proposals.lock())
    }

    pub(super) fn propose(&self, job: &Arc<Job>, change: Change, reply: Vec<u8>, now: Duration) {
        let version = job.request().version;
        let proposal = Proposal { change, job: Arc::clone(job), reply, version, at: now, epoch: Epoch(0) };
        let open = self.agreements.open.fetch_add(1, Relaxed);
        if open >= PROPOSALS_MAX {
            let reason = "too many changes of libraries are being agreed on".into();
            return self.refused(proposal, &WireError::TryAgain { reason });
        }
        self.agreements.proposals.lock().push(proposal);
        if let Some(wake) = self.agreements.wake.0.get() {
            wake();
        }
    }

    /// It was not agreed on.
    pub fn refused(&self, proposal: Proposal, error: &WireError) {
        // Clients of the cluster door say it to several nodes at once: another one was before, and what was asked for is so.
        if proposal.job.request().is_one_slot
            && matches!(proposal.change, Change::DeleteLibrary { .. })
            && matches!(error, WireError::Other(text) if text.ends_with("Library not found"))
        {
            return self.answer(proposal);
        }
        let mut bytes = Vec::new();
        Reply::new(&mut bytes, proposal.version).error(error);
        self.answer(Proposal { reply: bytes, ..proposal });
    }

    fn answer(&self, proposal: Proposal) {
        self.agreements.open.fetch_sub(1, Relaxed);
        proposal.job.answer.settle(State::Made(Made { bytes: proposal.reply, holds: Vec::new() }));
        proposal.job.wake();
    }

    /// What is acted on at that epoch, or has been waited for too long by now, is answered.
    pub(crate) fn acts_on(&self, epoch: Epoch, now: Duration) {
        if !self.agreements.is_awaited.load(Relaxed) {
            return;
        }
        let is_due = |one: &mut Proposal| one.epoch <= epoch || now.saturating_sub(one.at) >= ACTS_WITHIN;
        let due: Vec<Proposal> = {
            let mut awaited = self.agreements.awaited.lock();
            let due = awaited.extract_if(.., is_due).collect();
            self.agreements.is_awaited.store(!awaited.is_empty(), Relaxed);
            due
        };
        due.into_iter().for_each(|proposal| self.answer(proposal));
    }
}

impl Node {
    /// It was agreed on with that epoch; answered once this node acts on it.
    pub fn agreed(&self, proposal: Proposal, epoch: Epoch) {
        let now = self.now();
        {
            let mut awaited = self.scripts.agreements.awaited.lock();
            awaited.push(Proposal { epoch, at: now, ..proposal });
            self.scripts.agreements.is_awaited.store(true, Relaxed);
        }
        // It may be so already.
        self.scripts.acts_on(self.view().epoch(), now);
    }
}

impl Machine {
    /// A request that changes libraries: what is to be agreed on, or an error.
    pub(super) fn run_change(&mut self, node: &Node, request: &Request, command: &Command, args: Args<'_>) -> Came {
        let mut reply = Vec::new();
        let repeats = request.is_one_slot.then_some(&node.scripts.repeats);
        let change = match command.name {
            "function|load" => self.change_to_load(node, repeats, args).map(|(name, change)| {
                Reply::new(&mut reply, request.version).bulk(&name);
                change
            }),
            "function|delete" => change_to_delete(node, repeats, args),
            "function|flush" => change_to_flush(node, repeats, args).map(Some),
            _ => self.change_to_restore(node, repeats, args),
        };
        match change {
            Ok(change) => {
                if reply.is_empty() {
                    Reply::new(&mut reply, request.version).ok();
                }
                match change {
                    Some(change) => Came::Proposed(Box::new(change), reply),
                    None => Came::Replied(reply, Vec::new()),
                }
            }
            Err(text) => {
                Reply::new(&mut reply, request.version).error(&format!("ERR {text}").as_str());
                Came::Replied(reply, Vec::new())
            }
        }
    }

    /// Nothing is to be changed where another node was told the same.
    fn change_to_load(
        &mut self,
        node: &Node,
        repeats: Option<&Repeats>,
        args: Args<'_>,
    ) -> Result<(String, Option<Change>), String> {
        let mut words = args.iter().skip(2).peekable();
        let mut replaces = false;
        while words.len() > 1 {
            let word = words.next().unwrap_or_default();
            if !word.eq_ignore_ascii_case(b"replace") {
                return Err(format!("Unknown option given: {}", String::from_utf8_lossy(word)));
            }
            replaces = true;
        }
        let code = words.next().ok_or("Function code is missing")?;
        let known = node.view().metadata.clone();
        if let Some(repeats) = repeats
            && let Some(name) = is_repeated(repeats, code, &known.libraries)?
            && !replaces
        {
            return Ok((name, None));
        }
        let is_known = |name: &str| !replaces && known.libraries.contains_key(name);
        let (name, library) = self.library(code, is_known)?;
        // Other nodes may be told the same at this moment.
        let replaces = replaces || repeats.is_some();
        Ok((name.clone(), Some(Change::SetLibrary { name, library: Arc::new(library), replaces })))
    }

    /// A library that is offered, with what it registers.
    fn library(&mut self, code: &[u8], is_known: impl Fn(&str) -> bool) -> Result<(String, Library), String> {
        if code.len() > LIBRARY_BYTES_MAX {
            return Err(format!("the library is longer than {LIBRARY_BYTES_MAX} bytes"));
        }
        let code = std::str::from_utf8(code).map_err(|_| NOT_TEXT)?;
        let (name, _) = head_of(code)?;
        if is_known(&name) {
            return Err(exists(&name));
        }
        let registered = self.load(code, LOADS_WITHIN);
        // It may have taken much memory.
        self.tidy();
        let functions = registered?.into_iter().map(|(name, (function, _))| (name, function)).collect();
        Ok((name, Library { code: code.into(), functions }))
    }

    fn change_to_restore(
        &mut self,
        node: &Node,
        repeats: Option<&Repeats>,
        args: Args<'_>,
    ) -> Result<Option<Change>, String> {
        if args.len() > 4 {
            return Err(misfit(args));
        }
        let policy = match args.get(3).map(<[u8]>::to_ascii_lowercase).as_deref() {
            None | Some(b"append") => Restore::Append,
            Some(b"replace") => Restore::Replace,
            Some(b"flush") => Restore::Flush,
            Some(_) => {
                return Err("Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.".into());
            }
        };
        let known = node.view().metadata.clone();
        let mut libraries = Libraries::new();
        let mut are_repeated = false;
        for code in command::dump::libraries_of(args.get(2).unwrap_or_default())? {
            let (name, library) = self.library(&code, |name| libraries.contains_key(name))?;
            let is_repeated = match repeats {
                Some(repeats) => is_repeated(repeats, &code, &known.libraries)?.is_some(),
                None => false,
            };
            match is_repeated && policy == Restore::Append {
                true => are_repeated = true,
                false => _ = libraries.insert(name, Arc::new(library)),
            }
        }
        let is_nothing = are_repeated && libraries.is_empty();
        Ok((!is_nothing).then_some(Change::RestoreLibraries { libraries, policy }))
    }
}

/// The name of a library that a client brings to this node, if another node was told of it before.
fn is_repeated(repeats: &Repeats, code: &[u8], known: &Libraries) -> Result<Option<String>, String> {
    let code = std::str::from_utf8(code).map_err(|_| NOT_TEXT)?;
    let (name, _) = head_of(code)?;
    Ok(repeats.bring(&name, code, known.get(&name).map(Arc::as_ref)).then_some(name))
}

fn change_to_delete(node: &Node, repeats: Option<&Repeats>, args: Args<'_>) -> Result<Option<Change>, String> {
    let name = std::str::from_utf8(args.get(2).unwrap_or_default()).unwrap_or_default();
    match repeats {
        _ if node.view().metadata.libraries.contains_key(name) => {
            let name = name.to_owned();
            if let Some(repeats) = repeats {
                repeats.delete([&name].into_iter());
            }
            Ok(Some(Change::DeleteLibrary { name }))
        }
        Some(repeats) if repeats.has_gone(name, node.now()) => Ok(None),
        _ => Err("Library not found".into()),
    }
}

fn change_to_flush(node: &Node, repeats: Option<&Repeats>, args: Args<'_>) -> Result<Change, String> {
    if args.len() > 3 {
        return Err(misfit(args));
    }
    let is_mode = |word: &[u8]| word.eq_ignore_ascii_case(b"sync") || word.eq_ignore_ascii_case(b"async");
    match args.get(2).is_none_or(is_mode) {
        true => {
            if let Some(repeats) = repeats {
                repeats.flush(&node.view().metadata.libraries);
            }
            Ok(Change::RestoreLibraries { libraries: Libraries::new(), policy: Restore::Flush })
        }
        false => Err("FUNCTION FLUSH only supports SYNC|ASYNC option".into()),
    }
}

fn misfit(args: Args<'_>) -> String {
    let name = String::from_utf8_lossy(args.get(1).unwrap_or_default());
    format!("unknown subcommand or wrong number of arguments for '{name}'. Try FUNCTION HELP.")
}

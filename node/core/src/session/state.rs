//! What is known of one client while its requests run: its protocol, database, transaction, tracking, and what the request that ran
//! last asks of others. Left out: the client as other clients see it (`clients.rs`).

use crate::blocking::Wish;
use crate::clients::Client;
use crate::gateway::copies::Written;
use crate::gateway::told::Tell;
use crate::gateway::watched::Ask;
use crate::script::job::Ticket;
use crate::tracking::Mode;
use crate::transaction::Transaction;
use dcache_protocol::namespace::DATABASES;
use dcache_protocol::resp::reply::Version;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// What a command may know and change of the client it runs for.
#[derive(Debug)]
pub struct ClientState {
    /// 0 for a request of another node.
    pub id: u64,
    pub version: Version,
    pub database: u16,
    /// Reads of this client leave the eviction order alone.
    pub no_touch: bool,
    /// Copies that are new enough may answer reads of this client: `READONLY`.
    pub reads_copies: bool,
    pub replies: Replies,
    /// It wants [`crate::news`], and has been sent so many.
    pub(crate) news: Option<u64>,
    /// The connection ends once the reply is written.
    pub closing: bool,
    /// It is subscribed, tracks, or is in a transaction: look before a request runs.
    pub(crate) is_special: bool,
    pub(crate) tracking: Option<Box<Mode>>,
    /// What other nodes are to hear of the request that ran last.
    pub(crate) tell: Option<Box<Tell>>,
    pub(crate) transaction: Option<Box<Transaction>>,
    /// What is to be asked of other nodes for the request that ran last.
    pub(crate) ask: Option<Box<Ask>>,
    /// What the request that ran last would wait for.
    pub(crate) wish: Option<Box<Wish>>,
    /// A request that finds nothing may have it wait.
    pub(crate) may_wait: bool,
    /// Requests of a split transaction that have not run yet.
    pub(crate) split: VecDeque<Vec<u8>>,
    /// None for a request of another node.
    pub(crate) client: Option<Arc<Client>>,
    /// What `WAIT` is about.
    pub(crate) written: Written,
    /// The next request's place behind scripts.
    pub(crate) ticket: Option<Ticket>,
    /// Scripts that are not answered yet. None for a request of another node.
    pub(crate) open_scripts: Option<Arc<AtomicUsize>>,
}

/// Which replies a client wants: `CLIENT REPLY`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replies {
    #[default]
    All,
    None,
    /// Not the reply of the request after this one.
    SkipNext,
    /// Not the reply of this request.
    Skip,
}

impl Replies {
    pub(super) fn is_silent(self) -> bool {
        matches!(self, Replies::None | Replies::Skip)
    }

    pub(super) fn after_request(self) -> Replies {
        match self {
            Replies::SkipNext => Replies::Skip,
            Replies::Skip => Replies::All,
            other => other,
        }
    }
}

impl ClientState {
    /// For a request that another node forwarded, or that runs as if.
    pub(crate) fn of_peer(database: u16, version: Version) -> ClientState {
        ClientState {
            id: 0,
            version,
            database,
            no_touch: false,
            reads_copies: false,
            replies: Replies::All,
            news: None,
            closing: false,
            is_special: false,
            tracking: None,
            tell: None,
            transaction: None,
            ask: None,
            wish: None,
            may_wait: false,
            split: VecDeque::new(),
            client: None,
            written: Written::default(),
            ticket: None,
            open_scripts: None,
        }
    }

    /// Forgets what was said since MULTI or WATCH.
    pub(crate) fn end_transaction(&mut self) {
        self.transaction = None;
        if let Some(mode) = &mut self.tracking {
            mode.caching = None;
        }
        if let Some(client) = &self.client {
            client.queued.store(0, Relaxed);
        }
    }

    pub(crate) fn set_version(&mut self, version: Version) {
        self.version = version;
        if let Some(client) = &self.client {
            client.resp.store(version.number(), Relaxed);
        }
    }

    pub(crate) fn set_database(&mut self, database: u16) {
        self.database = database;
        if let Some(client) = &self.client {
            client.database.store(database % DATABASES, Relaxed);
        }
    }
}

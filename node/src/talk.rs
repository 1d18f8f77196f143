//! Carries what this node tells others for its clients' sake (`core/talk.rs`): the first worker sends it over its data links, one
//! request at a time to each node.

use crate::worker::Worker;
use dcache_core::Part;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How often is looked for nodes that came back.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Runs for as long as the worker's thread does.
pub async fn run(worker: Rc<Worker>) {
    let due = Arc::new(Notify::new());
    let core = worker.shared.core.clone();
    {
        let due = due.clone();
        core.set_talk_wake(Arc::new(move || due.notify_one()));
    }
    loop {
        for part in core.talk_parts() {
            tokio::task::spawn_local(send(part, worker.clone(), due.clone()));
        }
        // Whether it was told or the time has come: either way it looks.
        let _ = tokio::time::timeout(LOOK_EVERY, due.notified()).await;
    }
}

async fn send(part: Part, worker: Rc<Worker>, due: Arc<Notify>) {
    let reply = worker.links.ask(&part, &worker).await;
    worker.shared.core.talk_answered(part.to, &reply);
    due.notify_one();
}

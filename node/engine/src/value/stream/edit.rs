//! Changes of a stream: as operations that are done, and by a command that tells them and can take them back.
//!
//! Left out: what commands make of them.

use super::{Group, Keep, Op, Precision, Stream, StreamId};
use crate::value::edit::{Edit, Undo};
use crate::value::large::Shape;
use crate::value::packed::{put_item, take_item};

static NOTHING: Stream = Stream::new();

fn items(fields: &[(&[u8], &[u8])], out: &mut Vec<u8>) {
    for (name, value) in fields {
        put_item(name, out);
        put_item(value, out);
    }
}

fn pairs(mut items: &[u8]) -> Vec<(&[u8], &[u8])> {
    std::iter::from_fn(|| Some((take_item(&mut items)?, take_item(&mut items)?))).collect()
}

impl Stream {
    pub(in crate::value) fn apply(&mut self, op: &Op<'_>) {
        match *op {
            Op::Entry { id, begins, added, fields } => {
                self.put(id, &pairs(fields), begins);
                if let Some(added) = added {
                    (self.last_id, self.entries_added) = (id, added);
                }
            }
            Op::Gone { id } => _ = self.take_out(id),
            Op::Before { id } => _ = self.trim(Keep::From(id), Precision::Exact),
            Op::State { last_id, max_deleted_id, entries_added } => {
                self.set(last_id, Some(entries_added), Some(max_deleted_id));
            }
            Op::Group { name, last_delivered, entries_read } => {
                self.groups.get_or_insert_default().set(name, last_delivered, entries_read);
            }
            Op::Ungroup { name } => {
                if let Some(groups) = &mut self.groups {
                    groups.remove(name);
                    if groups.is_empty() {
                        self.groups = None;
                    }
                }
            }
            Op::Consumer { group, name, seen_ms, active_ms } => {
                self.change_group(group, |group| group.set_consumer(name, seen_ms, active_ms));
            }
            Op::Leave { group, name } => self.change_group(group, |group| group.remove_consumer(name)),
            Op::Pending { group, consumer, id, delivered_ms, count } => {
                self.change_group(group, |group| group.set_pending(id, consumer, delivered_ms, count));
            }
            Op::Acked { group, id } => self.change_group(group, |group| group.remove_pending(id)),
            _ => {}
        }
    }

    fn change_group(&mut self, name: &[u8], change: impl FnOnce(&mut Group)) {
        if let Some(groups) = &mut self.groups {
            groups.change(name, change);
        }
    }

    pub(super) fn state(&self) -> Op<'static> {
        let Stream { last_id, max_deleted_id, entries_added, .. } = *self;
        Op::State { last_id, max_deleted_id, entries_added }
    }
}

impl Edit {
    /// The stream as it is now.
    pub fn stream(&self) -> &Stream {
        self.value().as_stream().unwrap_or(&NOTHING)
    }

    fn stream_mut(&mut self) -> Option<&mut Stream> {
        if let Shape::Stream(stream) = &mut self.grow().0 { Some(stream) } else { None }
    }

    /// Does an operation, and notes what brings back what was there.
    fn perform(&mut self, op: &Op<'_>, undo: impl FnOnce(&Stream, &mut Vec<u8>)) {
        self.is_changed = true;
        if self.notes {
            let mut bytes = Vec::new();
            undo(self.stream(), &mut bytes);
            op.encode(&mut self.ops);
            self.undo.push(Undo::Op(bytes));
        }
        if let Some(stream) = self.stream_mut() {
            stream.apply(op);
        }
    }

    /// Does an operation that makes a stream out of none; false: it is none of these, or of an entry that is not behind all others.
    pub fn fill(&mut self, op: &Op<'_>) -> bool {
        let does_fill = matches!(
            op,
            Op::Entry { added: None, .. }
                | Op::State { .. }
                | Op::Group { .. }
                | Op::Consumer { .. }
                | Op::Pending { .. }
        );
        let last = self.stream().nodes.back().map(|node| node.last);
        if matches!(op, Op::Entry { id, .. } if last.is_some_and(|last| *id <= last)) {
            return false;
        }
        self.is_changed |= does_fill;
        if let Some(stream) = self.stream_mut().filter(|_| does_fill) {
            stream.apply(op);
        }
        does_fill
    }

    /// Whether its last ID is not below any entry's, which whoever fills it may have said.
    pub fn is_sound(&self) -> bool {
        let stream = self.stream();
        let last = stream.range_back(StreamId::MIN..=StreamId::MAX).next().map(|entry| entry.id);
        last.is_none_or(|last| last <= stream.last_id())
    }

    /// Adds an entry; false: its ID is not above the last one.
    pub fn append_entry(&mut self, id: StreamId, fields: &[(&[u8], &[u8])]) -> bool {
        let before = self.stream().state();
        let Some(begins) = self.stream_mut().and_then(|stream| stream.append_telling(id, fields)) else { return false };
        self.is_changed = true;
        if self.notes {
            let (mut text, mut undo) = (Vec::new(), Vec::new());
            items(fields, &mut text);
            let added = Some(self.stream().entries_added());
            Op::Entry { id, begins, added, fields: &text }.encode(&mut self.ops);
            Op::Gone { id }.encode(&mut undo);
            before.encode(&mut undo);
            self.undo.push(Undo::Op(undo));
        }
        true
    }

    /// Deletes an entry; false: it is not there.
    pub fn delete_entry(&mut self, id: StreamId) -> bool {
        let Some(entry) = self.stream().get(id) else { return false };
        let (mut undo, before) = (Vec::new(), self.stream().state());
        if self.notes {
            let mut text = Vec::new();
            items(&entry.fields().collect::<Vec<_>>(), &mut text);
            Op::Entry { id, begins: false, added: None, fields: &text }.encode(&mut undo);
            before.encode(&mut undo);
        }
        let Some(stream) = self.stream_mut() else { return false };
        stream.delete(id);
        let state = stream.state();
        self.is_changed = true;
        if self.notes {
            Op::Gone { id }.encode(&mut self.ops);
            state.encode(&mut self.ops);
            self.undo.push(Undo::Op(undo));
        }
        true
    }

    /// Deletes entries from the front; how many.
    pub fn trim_entries(&mut self, keep: Keep, precision: Precision) -> u64 {
        let (notes, mut nodes) = (self.notes, Vec::new());
        let Some(stream) = self.stream_mut() else { return 0 };
        let gone = stream.trim_keeping(keep, precision, notes.then_some(&mut nodes));
        if gone == 0 {
            return 0;
        }
        let (is_empty, first) = (stream.is_empty(), stream.first_id());
        self.is_changed = true;
        if notes {
            let first = if is_empty { StreamId::MAX } else { first };
            Op::Before { id: first }.encode(&mut self.ops);
            if is_empty {
                Op::Gone { id: first }.encode(&mut self.ops);
            }
            self.undo.push(Undo::Front(nodes));
        }
        gone
    }

    pub fn set_stream(&mut self, last_id: StreamId, entries_added: u64, max_deleted_id: StreamId) {
        let op = Op::State { last_id, max_deleted_id, entries_added };
        self.perform(&op, |stream, undo| stream.state().encode(undo));
    }

    /// Makes a group, or says how far it is.
    pub fn put_group(&mut self, name: &[u8], last_delivered: StreamId, entries_read: Option<u64>) {
        self.perform(&Op::Group { name, last_delivered, entries_read }, |stream, undo| match stream.group(name) {
            Some(group) => group_op(name, group).encode(undo),
            None => Op::Ungroup { name }.encode(undo),
        });
    }

    /// False: there is none.
    pub fn remove_group(&mut self, name: &[u8]) -> bool {
        if self.stream().group(name).is_none() {
            return false;
        }
        self.perform(&Op::Ungroup { name }, |stream, undo| {
            let Some(group) = stream.group(name) else { return };
            group_op(name, group).encode(undo);
            for (consumer, _) in group.consumers() {
                consumer_op(name, group, consumer).encode(undo);
                pending_ops(name, group, consumer, undo);
            }
        });
        true
    }

    /// Makes a consumer of a group that is there, or says when it was there.
    pub fn put_consumer(&mut self, group: &[u8], name: &[u8], seen_ms: u64, active_ms: Option<u64>) {
        self.perform(&Op::Consumer { group, name, seen_ms, active_ms }, |stream, undo| match stream.group(group) {
            Some(of) if of.consumer(name).is_some() => consumer_op(group, of, name).encode(undo),
            _ => Op::Leave { group, name }.encode(undo),
        });
    }

    /// Notes that a consumer that is there asked for something, which is told to nobody.
    pub fn note_consumer(&mut self, group: &[u8], name: &[u8], seen_ms: u64) {
        let Some(stream) = self.stream_mut() else { return };
        stream.change_group(group, |group| group.note_seen(name, seen_ms));
    }

    /// What was pending for it; none: there is no such consumer.
    pub fn remove_consumer(&mut self, group: &[u8], name: &[u8]) -> Option<usize> {
        let pending = self.stream().group(group)?.consumer(name)?.pending_len();
        self.perform(&Op::Leave { group, name }, |stream, undo| {
            let Some(of) = stream.group(group) else { return };
            consumer_op(group, of, name).encode(undo);
            pending_ops(group, of, name, undo);
        });
        Some(pending)
    }

    /// Has an entry be pending for a consumer of a group that is there, and for no other one.
    pub fn put_pending(&mut self, group: &[u8], id: StreamId, consumer: &[u8], delivered_ms: u64, count: u64) {
        let op = Op::Pending { group, consumer, id, delivered_ms, count };
        self.perform(&op, |stream, undo| {
            pending_op(stream, group, id, undo);
            if stream.group(group).is_some_and(|of| of.consumer(consumer).is_none()) {
                Op::Leave { group, name: consumer }.encode(undo);
            }
        });
    }

    /// False: it is not pending.
    pub fn remove_pending(&mut self, group: &[u8], id: StreamId) -> bool {
        if self.stream().group(group).and_then(|group| group.pending_at(id)).is_none() {
            return false;
        }
        self.perform(&Op::Acked { group, id }, |stream, undo| pending_op(stream, group, id, undo));
        true
    }
}

fn group_op<'a>(name: &'a [u8], group: &Group) -> Op<'a> {
    Op::Group { name, last_delivered: group.last_delivered(), entries_read: group.entries_read() }
}

fn consumer_op<'a>(group: &'a [u8], of: &Group, name: &'a [u8]) -> Op<'a> {
    let (seen_ms, active_ms) = of.consumer(name).map(|of| (of.seen_ms, of.active_ms)).unwrap_or_default();
    Op::Consumer { group, name, seen_ms, active_ms }
}

/// What brings back that an entry is pending, or is not.
fn pending_op(stream: &Stream, group: &[u8], id: StreamId, undo: &mut Vec<u8>) {
    match stream.group(group).and_then(|of| of.pending_at(id)) {
        Some(pending) => {
            let (consumer, delivered_ms) = (&pending.consumer[..], pending.delivered_ms);
            Op::Pending { group, consumer, id, delivered_ms, count: pending.count }.encode(undo);
        }
        None => Op::Acked { group, id }.encode(undo),
    }
}

fn pending_ops(group: &[u8], of: &Group, consumer: &[u8], undo: &mut Vec<u8>) {
    for (id, pending) in of.pending_of(consumer, ..) {
        let delivered_ms = pending.delivered_ms;
        Op::Pending { group, consumer, id, delivered_ms, count: pending.count }.encode(undo);
    }
}

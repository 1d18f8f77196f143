//! Where a stripe's entries lie: which segment has room for the next one, and how segments begin, are sealed and go. Left out: how
//! they are reclaimed (`reclaim.rs`), and the pages themselves (`pages.rs`).

use super::*;

impl Segment {
    /// Unused bytes from a place on: those that nothing was appended to, or fillers, no more of them than it takes for `needed`.
    pub(super) fn room_behind(&self, place: usize, needed: usize) -> usize {
        let end = self.len as usize;
        if place == end {
            return needed.min(self.run.len() - end);
        }
        let bytes = &self.run.bytes()[..end];
        let mut room = 0;
        while room < needed
            && place + room < end
            && let Record::Filler(length) = item::read(&bytes[place + room..])
        {
            room += length;
        }
        room
    }
}

impl Stripe {
    /// Bytes a segment of this namespace should have now.
    pub(super) fn segment_bytes(&mut self, namespace: NamespaceId) -> usize {
        let max = self.segment_bytes_max;
        let wanted = (self.space(namespace).live_bytes / SEGMENTS_PER_SPACE) as usize;
        (wanted + 1).next_power_of_two().clamp(PAGE, max)
    }

    /// Whether so many bytes waste less in pages of their own, half of one of them, than at the end of a shared segment, half as
    /// many as they are.
    pub(super) fn gets_own_segment(&mut self, namespace: NamespaceId, bytes: usize) -> bool {
        let segment_bytes = self.segment_bytes(namespace);
        bytes > segment_bytes || bytes.pow(2) > PAGE * segment_bytes
    }

    /// Sees to it that `bytes` more can be appended, whatever queue they go to; what could be had is kept if it is not all.
    pub fn prepare(&mut self, namespace: NamespaceId, bytes: usize) -> Option<Prepared> {
        if self.gets_own_segment(namespace, bytes) {
            let run = self.take(namespace, pages_for(bytes), Need::Write)?;
            return Some(Prepared { namespace, run: Some(run) });
        }
        let none = Some(Prepared { namespace, run: None });
        let space = self.space(namespace);
        if space.spare.as_ref().is_some_and(|spare| spare.len() >= bytes) {
            return none;
        }
        let opens = space.queues.map(|queue| queue.open);
        let has_room = |open: u32| {
            let segment = self.segment(open);
            segment.run.len() - segment.len as usize >= bytes
        };
        if opens.iter().all(|open| *open != NIL && has_room(*open)) {
            return none;
        }
        let length = self.segment_bytes(namespace).max(bytes);
        let run = self.take(namespace, pages_for(length), Need::Write)?;
        self.release_spare(namespace);
        self.space(namespace).spare = Some(run);
        none
    }

    pub(super) fn release_spare(&mut self, namespace: NamespaceId) {
        if let Some(run) = self.space(namespace).spare.take() {
            self.give(namespace, run);
        }
    }

    /// Gives back what a write had prepared and did not use.
    pub fn give_back(&mut self, prepared: Prepared) {
        if let Some(run) = prepared.run {
            self.give(prepared.namespace, run);
        }
    }

    pub(super) fn take(&mut self, namespace: NamespaceId, pages: u32, need: Need) -> Option<Run> {
        let run = self.budget.take(namespace, self.number, pages, need)?;
        self.space(namespace).run_bytes += run.len() as u64;
        Some(run)
    }

    pub(super) fn give(&mut self, namespace: NamespaceId, run: Run) {
        self.space(namespace).run_bytes -= run.len() as u64;
        self.budget.give(namespace, self.number, run.len() as u64);
    }

    /// A segment of a queue with room for so many bytes.
    pub(super) fn room_in(
        &mut self,
        namespace: NamespaceId,
        queue: u8,
        bytes: usize,
        need: Need,
        prepared: &mut Option<Run>,
    ) -> Option<u32> {
        let index = usize::from(queue);
        let open = self.space(namespace).queues[index].open;
        if open != NIL {
            let segment = self.segment(open);
            if segment.run.len() - segment.len as usize >= bytes {
                return Some(open);
            }
        }
        if self.gets_own_segment(namespace, bytes) {
            let pages = pages_for(bytes);
            let run = match prepared.take() {
                Some(mut run) if run.len() >= bytes => {
                    let before = run.len();
                    run.truncate(pages);
                    let cut = (before - run.len()) as u64;
                    self.space(namespace).run_bytes -= cut;
                    self.budget.give(namespace, self.number, cut);
                    run
                }
                other => {
                    if let Some(run) = other {
                        self.give(namespace, run);
                    }
                    self.take(namespace, pages, need)?
                }
            };
            let number = self.add_segment(run, namespace, queue)?;
            self.seal(number);
            return Some(number);
        }
        let length = self.segment_bytes(namespace).max(bytes);
        let run = match self.take(namespace, pages_for(length), need) {
            Some(run) => run,
            None => {
                if let Some(run) = prepared.take() {
                    self.give(namespace, run);
                }
                match self.space(namespace).spare.take() {
                    Some(spare) if spare.len() >= bytes => spare,
                    Some(spare) => {
                        self.give(namespace, spare);
                        self.take(namespace, pages_for(bytes), Need::Reclaim)?
                    }
                    None => self.take(namespace, pages_for(bytes), need)?,
                }
            }
        };
        if open != NIL {
            self.seal(open);
        }
        let number = self.add_segment(run, namespace, queue)?;
        self.space(namespace).queues[index].open = number;
        Some(number)
    }

    pub(super) fn add_segment(&mut self, run: Run, namespace: NamespaceId, queue: u8) -> Option<u32> {
        let segment = Segment {
            run,
            namespace,
            queue,
            state: State::Open,
            is_sparse: false,
            len: 0,
            live: 0,
            items: 0,
            previous: NIL,
            next: NIL,
            expires_at_ms: NEVER,
            sweep_at_ms: NEVER,
            begun: self.now,
        };
        if let Some(number) = self.free_segments.pop() {
            self.segments[number as usize] = Some(segment);
            return Some(number);
        }
        if self.segments.len() >= SEGMENTS_MAX as usize {
            self.give(namespace, segment.run);
            return None;
        }
        self.segments.push(Some(segment));
        Some(self.segments.len() as u32 - 1)
    }

    /// Puts a segment at the young end of its queue; nothing is appended to it from now on.
    pub(super) fn seal(&mut self, number: u32) {
        let segment = self.segment_mut(number);
        let (namespace, queue) = (segment.namespace, usize::from(segment.queue));
        segment.state = State::Sealed;
        let youngest = self.space(namespace).queues[queue].youngest;
        let segment = self.segment_mut(number);
        (segment.previous, segment.next) = (youngest, NIL);
        if youngest != NIL {
            self.segment_mut(youngest).next = number;
        }
        let of_queue = &mut self.space(namespace).queues[queue];
        of_queue.youngest = number;
        if of_queue.oldest == NIL {
            of_queue.oldest = number;
        }
        if of_queue.open == number {
            of_queue.open = NIL;
        }
        of_queue.figures.segments += 1;
        self.note_dead(number);
    }

    pub(super) fn unlink(&mut self, number: u32) {
        let segment = self.segment(number);
        let (namespace, queue) = (segment.namespace, usize::from(segment.queue));
        let (previous, next) = (segment.previous, segment.next);
        if previous != NIL {
            self.segment_mut(previous).next = next;
        }
        if next != NIL {
            self.segment_mut(next).previous = previous;
        }
        let of_queue = &mut self.space(namespace).queues[queue];
        if of_queue.oldest == number {
            of_queue.oldest = next;
        }
        if of_queue.youngest == number {
            of_queue.youngest = previous;
        }
        of_queue.figures.segments -= 1;
    }

    /// A segment with a quarter dead is worth a walk of its own.
    pub(super) fn note_dead(&mut self, number: u32) {
        let segment = self.segment_mut(number);
        let dead = segment.len - segment.live;
        if segment.state == State::Sealed && !segment.is_sparse && dead as usize * 4 >= segment.run.len() {
            segment.is_sparse = true;
            let namespace = segment.namespace;
            self.space(namespace).sparse.push_back(number);
        }
    }

    pub(super) fn free_segment(&mut self, number: u32) {
        if self.segment(number).state == State::Sealed {
            self.unlink(number);
        }
        let Some(segment) = self.segments[number as usize].take() else { return };
        if self.sweep.segment == number {
            self.sweep = Sweep::default();
        }
        let space = self.space(segment.namespace);
        if segment.is_sparse {
            space.sparse.retain(|sparse| *sparse != number);
        }
        self.free_segments.push(number);
        self.give(segment.namespace, segment.run);
    }
}

//! Commands on streams as a client hears them: replies of a Redis server, what is told of changes, and who waits.

use crate::command::{Door, transcript::play};
use crate::fixture::Cluster;

#[test]
fn entries_are_added_read_and_deleted() {
    let cluster = Cluster::new(1);
    play(
        &mut cluster.client(0, Door::Gateway),
        "XADD s 1-1 a 1 => $3 1-1
         XADD s 1-1 a 1 => -ERR The ID specified in XADD is equal or smaller than the target stream top item
         XADD s 1-* b 2 => $3 1-2
         XADD s 5 c 3 d 4 => $3 5-0
         XLEN s => :3
         TYPE s => +stream
         OBJECT ENCODING s => $6 stream
         XRANGE s - + COUNT 2 => *2 *2 $3 1-1 *2 $1 a $1 1 *2 $3 1-2 *2 $1 b $1 2
         XREVRANGE s + (1-2 => *1 *2 $3 5-0 *4 $1 c $1 3 $1 d $1 4
         XDEL s 1-2 1-2 9 => :1
         XREAD COUNT 1 STREAMS s 1 => *1 *2 $1 s *1 *2 $3 1-1 *2 $1 a $1 1
         XREAD STREAMS s $ => *-1
         XTRIM s MAXLEN 0 => :2
         XLEN s => :0
         EXISTS s => :1
         XADD none NOMKSTREAM * a b => $-1
         EXISTS none => :0
         SET t x => +OK
         XADD t * a b => -WRONGTYPE Operation against a key holding the wrong kind of value",
    );
}

//! Commands on streams as a client hears them: replies of a Redis server, what is told of changes, and who waits.

use crate::command::{Door, transcript::play};
use crate::fixture::{self, Caller, Cluster};
use std::time::Duration;

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

#[test]
fn groups_give_each_entry_to_one_consumer() {
    let cluster = Cluster::new(1);
    play(
        &mut cluster.client(0, Door::Gateway),
        "XGROUP CREATE s g $ => -ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.
         XREADGROUP GROUP g a STREAMS s > => -NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option
         XGROUP CREATE s g $ MKSTREAM => +OK
         XGROUP CREATE s g $ => -BUSYGROUP Consumer Group name already exists
         XADD s 1-1 f 1 => $3 1-1
         XADD s 1-2 f 2 => $3 1-2
         XADD s 1-3 f 3 => $3 1-3
         XREADGROUP GROUP g a COUNT 1 STREAMS s > => *1 *2 $1 s *1 *2 $3 1-1 *2 $1 f $1 1
         XREADGROUP GROUP g b STREAMS s > => *1 *2 $1 s *2 *2 $3 1-2 *2 $1 f $1 2 *2 $3 1-3 *2 $1 f $1 3
         XREADGROUP GROUP g b STREAMS s > => *-1
         XPENDING s g => *4 :3 $3 1-1 $3 1-3 *2 *2 $1 a $1 1 *2 $1 b $1 2
         ~ 50
         XPENDING s g - + 10 b => *2 *4 $3 1-2 $1 b :50 :1 *4 $3 1-3 $1 b :50 :1
         XDEL s 1-3 => :1
         XREADGROUP GROUP g b STREAMS s 0 => *1 *2 $1 s *2 *2 $3 1-2 *2 $1 f $1 2 *2 $3 1-3 *-1
         XPENDING s g IDLE 10 - + 10 => *2 *4 $3 1-1 $1 a :50 :1 *4 $3 1-3 $1 b :50 :1
         XAUTOCLAIM s g c 10 0 COUNT 5 => *3 $3 0-0 *1 *2 $3 1-1 *2 $1 f $1 1 *1 $3 1-3
         XCLAIM s g c 0 1-2 JUSTID => *1 $3 1-2
         XACK s g 1-1 1-2 1-9 => :2
         ~ 7
         XINFO CONSUMERS s g => *3 *8 $4 name $1 a $7 pending :0 $4 idle :57 $8 inactive :57 *8 $4 name $1 b $7 pending :0 $4 idle :7 $8 inactive :57 *8 $4 name $1 c $7 pending :0 $4 idle :7 $8 inactive :7
         XINFO GROUPS s => *1 *12 $4 name $1 g $9 consumers :3 $7 pending :0 $17 last-delivered-id $3 1-3 $12 entries-read :3 $3 lag :0
         XGROUP DELCONSUMER s g a => :0
         XGROUP DESTROY s g => :1
         XGROUP DESTROY s g => :0
         XACK s g x => :0
         XINFO GROUPS s => *0",
    );
}

#[test]
fn what_is_pending_is_looked_at_as_far_as_redis_looks() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    client.say("XGROUP CREATE s g $ MKSTREAM");
    for number in 1..=40 {
        client.say(&format!("XADD s {number}-0 f v"));
    }
    client.say("XREADGROUP GROUP g a COUNT 20 STREAMS s >");
    client.say("XREADGROUP GROUP g b STREAMS s >");
    play(
        &mut client,
        "XAUTOCLAIM s g c 1000 0 COUNT 1 => *3 $4 11-0 *0 *0
         XAUTOCLAIM s g c 1000 31 COUNT 1 => *3 $3 0-0 *0 *0
         XAUTOCLAIM s g c 1000 30 COUNT 1 => *3 $4 40-0 *0 *0
         XAUTOCLAIM s g c 0 39 COUNT 2 JUSTID => *3 $3 0-0 *2 $4 39-0 $4 40-0 *0
         XAUTOCLAIM s g c 0 0 COUNT 1 JUSTID => *3 $3 2-0 *1 $3 1-0 *0
         XPENDING s g - + 1 b => *1 *4 $4 21-0 $1 b :0 :1
         XPENDING s g 30 + 100 c => *2 *4 $4 39-0 $1 c :0 :1 *4 $4 40-0 $1 c :0 :1
         XPENDING s g - + 1 nobody => *0
         XREADGROUP GROUP g c STREAMS s 39 => *1 *2 $1 s *1 *2 $4 40-0 *2 $1 f $1 v
         XREADGROUP GROUP g c STREAMS s 18446744073709551615-18446744073709551615 => *-1
         XCLAIM s g a 0 1-0 RETRYCOUNT 9223372036854775807 JUSTID => *1 $3 1-0
         XREADGROUP GROUP g a COUNT 1 STREAMS s 0 => *1 *2 $1 s *1 *2 $3 1-0 *2 $1 f $1 v
         XPENDING s g - + 1 => *1 *4 $3 1-0 $1 a :0 :-9223372036854775808
         XGROUP DELCONSUMER s g a => :20
         XPENDING s g => *4 :20 $4 21-0 $4 40-0 *2 *2 $1 b $2 18 *2 $1 c $1 2",
    );
}

#[test]
fn a_dump_brings_a_stream_back_whole() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    for line in
        ["XADD s 1-1 f 1", "XADD s 1-2 f 2", "XDEL s 1-2", "XGROUP CREATE s g 0", "XREADGROUP GROUP g a STREAMS s >"]
    {
        client.say(line);
    }
    let info = client.say("XINFO STREAM s FULL");
    assert!(info.contains("1-1") && info.contains("pel-count"));
    assert_eq!(client.say("COPY s t"), ":1\r\n");
    assert_eq!(client.say("RENAME t u"), "+OK\r\n");
    assert_eq!(client.say("XINFO STREAM u FULL"), info);
    client.say("XADD u 2-0 f 3");
    assert_eq!(client.say("XINFO STREAM s FULL"), info, "a copy is its own");
    assert!(client.say("SCAN 0 TYPE stream COUNT 100").contains("$1\r\ns\r\n"));
    assert!(client.say("MEMORY USAGE s").starts_with(':'));
}

/// A client that waits for what it said.
fn waiting<'a>(cluster: &'a Cluster, line: &str) -> Caller<'a> {
    let mut client = cluster.client(0, Door::Gateway);
    assert_eq!(client.ask(line), "", "{line}");
    assert!(client.blocked.is_some(), "{line}");
    client
}

#[test]
fn who_waits_for_a_stream_hears_what_is_new() {
    let cluster = Cluster::new(1);
    let mut writer = cluster.client(0, Door::Gateway);
    writer.say("XADD s 1-1 f 1");
    writer.say("XGROUP CREATE s g $");
    let mut readers =
        [waiting(&cluster, "XREAD BLOCK 0 STREAMS s none $ 0"), waiting(&cluster, "XREAD BLOCK 0 STREAMS s 1-1")];
    let mut given = [
        waiting(&cluster, "XREADGROUP GROUP g a BLOCK 0 STREAMS s >"),
        waiting(&cluster, "XREADGROUP GROUP g b BLOCK 0 STREAMS s >"),
    ];
    assert_eq!(writer.ask("XADD s 1-2 f 2"), "$3|1-2|");
    let heard = "*1|*2|$1|s|*1|*2|$3|1-2|*2|$1|f|$1|2|";
    assert_eq!(readers.each_mut().map(|reader| reader.heard()), [heard, heard], "each of them");
    assert_eq!(given.each_mut().map(|consumer| consumer.heard()), [heard, ""], "one of a group");
    writer.say("XADD s 1-3 f 3");
    assert_eq!(given[1].heard(), "*1|*2|$1|s|*1|*2|$3|1-3|*2|$1|f|$1|3|");
    assert_eq!(
        writer.ask("XREAD BLOCK 0 STREAMS s 0-9"),
        "*1|*2|$1|s|*3|*2|$3|1-1|*2|$1|f|$1|1|*2|$3|1-2|*2|$1|f|$1|2|*2|$3|1-3|*2|$1|f|$1|3|"
    );
    let gone = "-NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option|";
    let mut last = waiting(&cluster, "XREADGROUP GROUP g a BLOCK 0 STREAMS s >");
    writer.say("XGROUP DESTROY s g");
    assert_eq!(last.heard(), gone);
    writer.say("XGROUP CREATE s g $");
    let mut last = waiting(&cluster, "XREADGROUP GROUP g a BLOCK 0 STREAMS s >");
    writer.say("DEL s");
    assert_eq!(last.heard(), gone);
    let mut late = waiting(&cluster, "XREAD BLOCK 100 STREAMS s $");
    fixture::pass(Duration::from_millis(99));
    assert_eq!(late.heard(), "");
    fixture::pass(Duration::from_millis(1));
    assert_eq!(late.heard(), "*-1|");
    for (line, error) in [
        ("XREAD BLOCK -1 STREAMS s $", "-ERR timeout is negative|"),
        (
            "EVAL \"return redis.call('xread', 'BLOCK', '0', 'STREAMS', 's', '$')\" 0",
            "-ERR xread command is not allowed with BLOCK option from scripts script: 5cdcf8bfc2441683edda5dafd6d2daf371142af4, on @user_script:1.|",
        ),
        ("XREAD BLOCK x STREAMS s $", "-ERR timeout is not an integer or out of range|"),
        (
            "XREAD STREAMS s >",
            "-ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.|",
        ),
    ] {
        assert_eq!(writer.ask(line), error, "{line}");
    }
}

#[test]
fn what_a_command_did_to_a_stream_is_told() {
    let cluster = Cluster::new(1);
    let mut client = cluster.client(0, Door::Gateway);
    let mut listener = cluster.client(0, Door::Gateway);
    client.say("CONFIG SET notify-keyspace-events KEA");
    listener.say("PSUBSCRIBE __keyspace@0__:s");
    let mut heard = Vec::new();
    for line in [
        "XADD s 1-1 f 1",
        "XADD s MAXLEN 1 1-2 f 1",
        "XREAD STREAMS s 0",
        "XDEL s 1-2",
        "XDEL s 1-2",
        "XTRIM s MAXLEN 5",
        "XSETID s 9-9",
        "XGROUP CREATE s g 0",
        "XREADGROUP GROUP g a STREAMS s >",
        "XGROUP DELCONSUMER s g a",
        "XGROUP SETID s g 0",
        "XGROUP DESTROY s g",
    ] {
        client.say(line);
        let told = listener.news();
        let names: Vec<&str> = told.split('|').filter(|part| part.starts_with('x')).collect();
        heard.push(names.join(" "));
    }
    let expected = [
        "xadd",
        "xadd xtrim",
        "",
        "xdel",
        "",
        "",
        "xsetid",
        "xgroup-create",
        "xgroup-createconsumer",
        "xgroup-delconsumer",
        "xgroup-setid",
        "xgroup-destroy",
    ];
    assert_eq!(heard, expected);
}

//! COMMAND as a client hears it: the replies of a Redis server, and that all rows can be told.

use crate::command::{COMMANDS, Command, Door, transcript::play};
use crate::fixture::Cluster;
use dcache_protocol::resp::parse::Limits;
use dcache_protocol::resp::value::{Value, parse_value};

#[test]
fn replies_are_those_of_redis() {
    let cluster = Cluster::new(1);
    let client = &mut cluster.client(0, Door::Gateway);
    play(client, include_str!("replies.txt"));
    client.say("HELLO 3");
    play(client, include_str!("resp3.txt"));
}

fn value(reply: &str) -> Value {
    let (value, consumed) = parse_value(reply.as_bytes(), &Limits::default()).expect("RESP").expect("a whole reply");
    assert_eq!(consumed, reply.len());
    value
}

fn array(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) | Value::Set(items) => items,
        other => panic!("not an array: {other:?}"),
    }
}

fn map(value: &Value) -> &[(Value, Value)] {
    match value {
        Value::Map(pairs) => pairs,
        other => panic!("not a map: {other:?}"),
    }
}

fn text(value: &Value) -> &str {
    match value {
        Value::Bulk(bytes) => std::str::from_utf8(bytes).expect("text"),
        other => panic!("not a bulk string: {other:?}"),
    }
}

fn top_level() -> Vec<&'static Command> {
    COMMANDS.iter().filter(|command| command.container().is_none()).collect()
}

#[test]
fn command_tells_every_row() {
    let cluster = Cluster::new(1);
    let client = &mut cluster.client(0, Door::Gateway);
    assert_eq!(client.say("COMMAND COUNT"), format!(":{}\r\n", top_level().len()));
    for request in ["COMMAND", "COMMAND INFO"] {
        let reply = value(&client.say(request));
        let infos = array(&reply);
        assert_eq!(infos.len(), top_level().len());
        for (info, command) in infos.iter().zip(top_level()) {
            let info = array(info);
            assert_eq!((info.len(), text(&info[0])), (10, command.name));
            assert_eq!(array(&info[9]).len(), command.subcommands().len());
        }
    }
    let reply = value(&client.say("COMMAND LIST"));
    assert_eq!(
        array(&reply).iter().map(text).collect::<Vec<_>>(),
        COMMANDS.iter().map(|c| c.name).collect::<Vec<_>>(),
        "subcommands as well"
    );
}

#[test]
fn command_docs_tell_every_row() {
    let cluster = Cluster::new(1);
    let client = &mut cluster.client(0, Door::Gateway);
    client.say("HELLO 3");
    let reply = value(&client.say("COMMAND DOCS"));
    let docs = map(&reply);
    assert_eq!(docs.len(), top_level().len());
    for ((name, fields), command) in docs.iter().zip(top_level()) {
        assert_eq!(text(name), command.name);
        check_docs(fields, command);
    }
    play(
        client,
        "COMMAND DOCS echo => %1 $4 echo %5 $7 summary $21 Answers its argument. $5 since $5 1.0.0 $5 group \
         $10 connection $10 complexity $4 O(1) $9 arguments *1 %3 $4 name $7 message $4 type $6 string $12 display_text \
         $7 message",
    );
    client.say("HELLO 2");
    let flat = value(&client.say("COMMAND DOCS get object|freq"));
    assert_eq!(array(&flat).iter().step_by(2).map(text).collect::<Vec<_>>(), ["get", "object|freq"]);
}

fn check_docs(fields: &Value, command: &Command) {
    let fields = map(fields);
    let field = |name: &str| fields.iter().find(|(key, _)| text(key) == name).map(|(_, value)| value);
    for name in ["summary", "since", "group", "complexity"] {
        assert!(!text(field(name).expect(name)).is_empty());
    }
    assert_eq!(field("arguments").map_or(0, |args| array(args).len()), command.docs.args.len());
    assert_eq!(field("deprecated_since").is_some(), command.docs.deprecated.is_some());
    let subcommands = field("subcommands").map_or(&[][..], map);
    assert_eq!(subcommands.len(), command.subcommands().len());
    for ((name, fields), row) in subcommands.iter().zip(command.subcommands()) {
        assert_eq!(text(name), row.name);
        check_docs(fields, row);
    }
}

#[test]
fn categories_hold_the_commands_of_redis() {
    let cluster = Cluster::new(1);
    let client = &mut cluster.client(0, Door::Gateway);
    let names = |reply: String| array(&value(&reply)).iter().map(|name| text(name).to_string()).collect::<Vec<_>>();
    let categories = names(client.say("ACL CAT"));
    assert!(categories.contains(&"string".into()) && categories.contains(&"dangerous".into()));
    for category in categories {
        assert!(!names(client.say(&format!("ACL CAT {category}"))).is_empty(), "{category}");
    }
    let strings = names(client.say("ACL CAT string"));
    assert!(strings.contains(&"get".into()) && !strings.contains(&"del".into()));
    assert_eq!(names(client.say("COMMAND LIST FILTERBY ACLCAT string")), strings);
}

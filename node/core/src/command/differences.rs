//! What differs from Redis 7.2, for the list of commands that operators and developers read: in general, by command, and what is
//! not there at all.
//!
//! A row is of a command, a subcommand, or a container with all its subcommands. That the gateway answers for the whole cluster
//! is told from the table ([`super::manual::at_gateway`]), and not again here.

use super::{Command, Gateway};

/// What holds for many commands: a title and its text.
pub const GENERAL: &[(&str, &str)] = &[
    (
        "Two doors",
        "The gateway looks like one standalone Redis with 16 databases and answers for the whole cluster. The cluster door is for \
         cluster-aware clients: it has database 0, wants all keys of a request in one slot, and answers for the node alone.",
    ),
    (
        "Commands on several keys",
        "With all keys in one slot, as those of one hash tag or of a pinned database, they are atomic as in Redis. With keys in \
         several slots of one node they go from key to key, and another client may come between. MULTI makes them one on a node.",
    ),
    (
        "Namespaces",
        "A namespace may give keys a time to live that have none, bound a time to live, and bound memory: a write that does not \
         fit then evicts, or answers -OOM with the policy none.",
    ),
    (
        "Errors",
        "A key whose owner is down answers -CLUSTERDOWN at the gateway too; a write whose answer was lost on the way answers \
         -TIMEOUT, and may have happened; one with too few copies in sync answers -NOREPLICAS.",
    ),
    (
        "Bounds",
        "A request has at most 1,048,576 arguments of at most 512 MiB. No client's unread replies and messages may be without a \
         bound.",
    ),
    (
        "Events",
        "notify-keyspace-events set on one node holds for all. Subscribers at any gateway hear of the keys of all nodes; at the cluster \
         door of those of its node, as in Redis Cluster, whose clients subscribe at each.",
    ),
];

const REDIS_7_4: &str = "From Redis 7.4.";
const REDIS_8: &str = "From Redis 8.";
const VALKEY_8_1: &str = "From Valkey 8.1. Of the node asked.";
const ONE_USER: &str = "Refused: the only user is default, who may do everything.";
const NOT_ON_DISK: &str = "Refused: a cache keeps nothing on disk.";
const OF_NODE: &str = "Of the node asked.";
const COPIES: &str =
    "Refused: nodes hold copies of each other's keys. See dcache cluster init --copies and dcache cluster failover.";
const PLACED: &str = "Refused: slots are placed by dcache cluster init, and moved by dcache rebalance.";
const FLUSH: &str = "With ASYNC and with SYNC everything is gone when the reply is there.";
const CHANGES: &str = "Answered when the node asked acts on what the cluster agreed on. Not within a transaction.";
const MESSAGES: &str = "Messages of the whole cluster, whichever node the client is connected to, at most once each.";
const SHARD: &str = "At the cluster door a shard channel is at the owner of its slot; at the gateway at any node.";
const PATTERNS: &str = "Where keys are on several nodes, patterns of BY and GET need a hash tag that leads to the slot of the sorted key, \
                        at the gateway too.";

/// What differs, sorted by name.
pub const DIFFERENCES: &[(&str, &str)] = &[
    ("acl", "There is one user, default, who may do everything; nobody logs in."),
    ("acl|deluser", ONE_USER),
    ("acl|dryrun", ONE_USER),
    ("acl|genpass", ONE_USER),
    ("acl|load", ONE_USER),
    ("acl|log", "Always empty: nobody is refused anything."),
    ("acl|save", ONE_USER),
    ("acl|setuser", ONE_USER),
    ("asking", "Changes nothing: a slot has one owner at any time."),
    ("auth", "No password can be set: the user default takes any, and there is no other."),
    ("bgrewriteaof", NOT_ON_DISK),
    ("bgsave", NOT_ON_DISK),
    ("client|capa", "From Valkey 8. Any capability is taken, and none changes an answer."),
    ("client|id", "Ids count per node: clients of two nodes may have the same."),
    ("client|kill", "Ends clients of the node asked. MAXAGE is from Redis 7.4; TYPE MASTER and REPLICA fit nobody."),
    (
        "client|list",
        "Lists clients of the node asked, with the filters of CLIENT KILL too. fd is -1, and fields of memory that have no like here \
         are 0.",
    ),
    (
        "client|maint_notifications",
        "From Redis 8. At the cluster door in RESP3 only; the gateway answers as if it were not there.",
    ),
    ("client|no-evict", "Always granted, and only shown in CLIENT LIST: no client is ended to free memory for others."),
    ("client|no-touch", "Holds for keys of the node asked, not for what the gateway passes on."),
    ("client|pause", "Pauses clients of the node asked, for 24 hours at most."),
    (
        "client|tracking",
        "Keys of all nodes are tracked, whichever node the client is connected to. It may name 1,024 prefixes; REDIRECT is to a client \
         of the same node.",
    ),
    ("client|unpause", OF_NODE),
    ("cluster", "At the cluster door only; the gateway answers as a Redis without cluster support."),
    ("cluster|addslots", PLACED),
    ("cluster|addslotsrange", PLACED),
    ("cluster|bumpepoch", "Refused: epochs grow with the metadata by themselves."),
    ("cluster|delslots", PLACED),
    ("cluster|delslotsrange", PLACED),
    ("cluster|failover", "Refused: dcache cluster failover NODE hands over what a node serves."),
    ("cluster|flushslots", PLACED),
    ("cluster|forget", "Refused: dcache cluster remove NODE and dcache cluster forget NODE do that."),
    ("cluster|getkeysinslot", "Answers 1,048,576 keys at most."),
    ("cluster|info", "The state is ok while the node serves requests; counts of messages are 0."),
    ("cluster|meet", "Refused: dcache cluster init and dcache cluster add do that."),
    ("cluster|myshardid", "Every node is a shard of its own: its id."),
    ("cluster|nodes", "Every node is a master with the slots it serves. Copies are not shown, and ping times are 0."),
    ("cluster|replicas", "Always empty: copies are not shown to clients."),
    ("cluster|replicate", COPIES),
    ("cluster|reset", "Refused: dcache cluster destroy does that."),
    ("cluster|saveconfig", "Refused: metadata is saved by itself."),
    ("cluster|set-config-epoch", "Refused: epochs grow with the metadata by themselves."),
    ("cluster|setslot", PLACED),
    ("cluster|shards", "Every node is a shard with one master. Copies are not shown."),
    ("cluster|slots", "Each range has one node. Copies are not shown."),
    ("commandlog", VALKEY_8_1),
    ("command|docs", "The history of commands is left out."),
    ("config|get", "Knows the settings that clients ask for, of the node asked."),
    ("config|resetstat", "INFO of the node asked counts anew; metrics and reports do not."),
    ("config|rewrite", "Refused: a node's file is its operator's."),
    (
        "config|set",
        "Changes client-output-buffer-limit, the settings of COMMANDLOG, SLOWLOG and LATENCY, and timeout of the node asked, until it \
         ends; notify-keyspace-events of all nodes. Of others the error names the dcache verb.",
    ),
    ("copy", "Between a pinned database and another one -CROSSSLOT, unless one node has both keys."),
    ("debug", "Only on nodes started with --debug-commands. OBJECT, SET-ACTIVE-EXPIRE and SLEEP are there."),
    ("debug|jmap", "Refused: there is nothing to map."),
    ("debug|object", "The address is 0 and the encoding raw, whatever the value is."),
    ("delifeq", "From Valkey 9."),
    (
        "dump",
        "Writes what every Redis from 4.0 on reads; hashes with fields that expire as Redis 7.4; a stream in a form of its own, which \
         only dcache reads.",
    ),
    (
        "eval",
        "Atomic on the slots of its keys, and others go on meanwhile. Over several nodes its keys have one slot, as those of one \
         hash tag or of a pinned database; a key that it does not name in KEYS has to be of the node that runs it.",
    ),
    ("evalsha", "A script that one node knows by its sum all know."),
    (
        "exec",
        "Atomic where one node has all keys. Over several nodes the gateway runs one request after the other, each by itself. With \
         watched keys there, nothing runs and the answer is -EXECABORT.",
    ),
    ("failover", COPIES),
    (
        "fcall",
        "As EVAL. What a library keeps between calls in its own variables each thread for scripts keeps for itself.",
    ),
    ("flushall", FLUSH),
    ("flushdb", FLUSH),
    (
        "function",
        "Libraries are of the whole cluster and are there after a restart; those that a node had before it was taken into a \
         cluster are gone. There are 64 libraries, each of 512 KiB and 1,024 functions at most, 2 MiB in all; code is UTF-8.",
    ),
    ("function|delete", CHANGES),
    (
        "function|flush",
        "With ASYNC and with SYNC everything is gone when the reply is there. Not within a transaction.",
    ),
    ("function|kill", "Ends functions of all nodes, any that run for more than 20 ms."),
    ("function|load", CHANGES),
    ("function|restore", CHANGES),
    ("function|stats", "Tells of the function that has run longest on the node asked, whatever scripts run beside it."),
    (
        "hello",
        "The version is that of the Redis whose answers are given, 7.2.5; INFO has dcache_version. The role is master.",
    ),
    ("hexpire", REDIS_7_4),
    ("hexpireat", REDIS_7_4),
    ("hexpiretime", REDIS_7_4),
    ("hgetdel", REDIS_8),
    ("hgetex", REDIS_8),
    ("hpersist", REDIS_7_4),
    ("hpexpire", REDIS_7_4),
    ("hpexpireat", REDIS_7_4),
    ("hpexpiretime", REDIS_7_4),
    ("hpttl", REDIS_7_4),
    ("hscan", "NOVALUES is from Redis 7.4."),
    ("hsetex", REDIS_8),
    ("httl", REDIS_7_4),
    (
        "info",
        "Of the node asked: fields that are known here under Redis's names, others with dcache_ before them, and a section for \
         namespaces. Nothing is ever loading or saving, and every node is a master without replicas.",
    ),
    ("lastsave", NOT_ON_DISK),
    ("latency", OF_NODE),
    ("latency|doctor", "Tells counts, means and the longest of each event, in its own words."),
    ("latency|graph", "Draws a line for each sample, as long as it took."),
    (
        "lcs",
        "The product of both lengths is 33,554,432 at most; beyond, the error is the one Redis has for strings too long.",
    ),
    ("lolwut", "Names the version and draws nothing."),
    ("memory", OF_NODE),
    ("memory|doctor", "Tells what is used and resident, in its own words."),
    ("memory|malloc-stats", "Says that entries are kept in pages of the node's own."),
    ("memory|purge", "Changes nothing: memory is given back as it falls free."),
    ("memory|stats", "The fields that are known here; there is none of a database."),
    ("memory|usage", "What the key is charged of its namespace's memory. SAMPLES is checked and changes nothing."),
    ("migrate", "Refused: dcache rebalance and dcache cluster add move keys between nodes."),
    ("monitor", "Shows what clients of the node asked run."),
    ("move", "Refused between a pinned database and another one: COPY the key, then delete it."),
    ("multi", "A transaction has at most 1,048,576 requests of 256 MiB together."),
    (
        "object|encoding",
        "Follows from the value alone: a short string that was changed in place is embstr, and not raw.",
    ),
    ("object|freq", "What the policy lfu counts, up to 255, where the key's namespace has that policy."),
    ("object|idletime", "Begins anew after 49 days without a use."),
    ("object|refcount", "Always 1: no value is shared."),
    ("persist", "In a namespace with a largest time to live the key gets that one."),
    ("psubscribe", MESSAGES),
    (
        "publish",
        "Answers at the gateway how many subscribers the whole cluster has, at the cluster door how many the node has.",
    ),
    ("pubsub", "Tells of subscribers at the node asked."),
    ("randomkey", "Each node that has keys is as likely as another, however many it has."),
    (
        "readonly",
        "At the cluster door, of any node: copies that are new enough answer, and what they cannot is passed on.",
    ),
    ("readwrite", "At the cluster door only, as in Redis Cluster."),
    ("replicaof", COPIES),
    (
        "restore",
        "Reads what Redis up to 7.4 writes, but no streams of it. IDLETIME and FREQ are checked and change nothing.",
    ),
    ("role", "Always a master without replicas."),
    ("save", NOT_ON_DISK),
    ("scan", "The gateway goes from node to node, and the cursor names the node. A step visits 10,000 keys at most."),
    ("script|debug", "Refused: scripts cannot be debugged here."),
    ("script|flush", FLUSH),
    (
        "script|kill",
        "Ends scripts of all nodes, any that run for more than 20 ms. script-time-max, 30 s by default, ends any script, written \
         or not.",
    ),
    ("set", "IFEQ is from Valkey 8.1."),
    ("shutdown", "Refused: SIGTERM ends a node in order; dcache cluster drain NODE moves its keys before."),
    ("slaveof", COPIES),
    ("slowlog", "Of the node asked, which keeps 100,000 entries at most."),
    ("sort", PATTERNS),
    ("sort_ro", PATTERNS),
    ("spublish", SHARD),
    ("ssubscribe", SHARD),
    ("subscribe", MESSAGES),
    ("swapdb", "Refused: databases are spread over nodes, which cannot swap them at one moment."),
    ("time", "In milliseconds: the microseconds are multiples of 1,000."),
    ("wait", "Counts the other nodes that have all that the connection wrote. It waits for an hour at most."),
    (
        "watch",
        "Keys of one database, 65,536 at most. What was changed and came back the same counts as unchanged, unless it is a large \
         collection.",
    ),
    ("xinfo|stream", "radix-tree-nodes is one more than radix-tree-keys: there is no radix tree."),
    (
        "xreadgroup",
        "When a consumer last asked, and was given nothing, is not told to copies: after a failover its idle time may be longer.",
    ),
];

/// Commands of Redis 7.2 that are not there, sorted by name, with why or what does that here.
pub const ABSENT: &[(&str, &str)] = &[
    ("cluster|count-failure-reports", "The metadata says which nodes are down: dcache cluster status."),
    ("cluster|links", "Nodes and their links are in dcache stats and in the metrics."),
    ("cluster|slaves", "CLUSTER REPLICAS answers the same, and is empty: copies are not shown to clients."),
    ("module|load", "There are no modules."),
    ("module|loadex", "There are no modules."),
    ("module|unload", "There are no modules."),
    ("pfdebug", "For tests of Redis itself."),
    ("pfselftest", "For tests of Redis itself."),
    ("psync", "Nodes copy by a protocol of their own: no Redis is a replica of one, and none of a Redis."),
    ("replconf", "Nodes copy by a protocol of their own: no Redis is a replica of one, and none of a Redis."),
    ("restore-asking", "Keys move between nodes by a protocol of their own: dcache rebalance."),
    ("sync", "Nodes copy by a protocol of their own: no Redis is a replica of one, and none of a Redis."),
    ("waitaof", "A cache keeps nothing on disk. WAIT tells how many copies have a write."),
];

/// What differs of a command: of its container with all that it has, then its own.
pub fn of(command: &Command) -> impl Iterator<Item = &'static str> + use<> {
    let names = [command.container(), Some(command.name)];
    names.into_iter().flatten().filter_map(|name| text_of(DIFFERENCES, name))
}

/// Whether it differs from Redis, or may answer another way behind a gateway to several nodes.
pub fn is_different(command: &Command) -> bool {
    let is_spread = matches!(command.gateway, Gateway::Split(_) | Gateway::SameSlot | Gateway::Everywhere(_));
    is_spread || of(command).next().is_some()
}

/// Why a command of Redis is not there.
pub fn why_absent(name: &str) -> Option<&'static str> {
    text_of(ABSENT, name)
}

fn text_of(rows: &'static [(&str, &str)], name: &str) -> Option<&'static str> {
    let found = rows.binary_search_by_key(&name, |(of, _)| of);
    found.ok().and_then(|at| rows.get(at)).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests;

"""Clients that have no package here, by what they send when they connect and when they learn the topology, written down from their
sources, and by what they then parse: Jedis, Lettuce, go-redis, StackExchange.Redis, Redisson, rueidis, and redis-client (Ruby).

    recorded_clients.py CLUSTER GATEWAY
"""
import re
import sys

from workload import check
from wire import Error, Wire, info

SLOTS = 16384


def crc16(data):
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021) & 0xFFFF if crc & 0x8000 else crc << 1
    return crc


def slot(key):
    return crc16(key.encode()) % SLOTS


def fine(reply, label, what):
    check(not isinstance(reply, Error), label, f"{what}: {reply}")
    return reply


def names(wire, label, *requests):
    """What a client says of itself. Redis before 7.2 does not know CLIENT SETINFO, which all let pass."""
    for words, reply in zip(requests, wire.pipeline(*requests)):
        is_older = words[1] == "SETINFO" and str(reply).lower().startswith("err unknown subcommand")
        check(reply == "OK" or is_older, label, f"{' '.join(words)}: {reply}")


def slots_map(reply, label):
    """CLUSTER SLOTS as all read it: every slot exactly once (Jedis: `Cluster slots have holes`), a host and a port for each."""
    owner = [None] * SLOTS
    for first, last, primary, *_ in reply:
        check(re.fullmatch(r"[\w.:-]+", primary[0] or "") and 0 < primary[1] < 65536 and len(primary[2]) == 40, label, f"a node {primary}")
        for n in range(first, last + 1):
            check(owner[n] is None, label, f"slot {n} twice")
            owner[n] = f"{primary[0]}:{primary[1]}"
    check(None not in owner, label, f"slot {owner.index(None) if None in owner else 0} has no node")
    return owner


def nodes_map(text, label):
    """CLUSTER NODES as Lettuce, StackExchange.Redis and Redisson read it: one line a node, one marked `myself`, one role each."""
    owner, ids, myself = [None] * SLOTS, {}, []
    for line in text.strip("\n").split("\n"):
        fields = line.split(" ")
        check(len(fields) >= 8, label, f"a line of CLUSTER NODES: {line}")
        identity, address, flags, primary, ping, pong, epoch, link = fields[:8]
        check(re.fullmatch(r"[0-9a-f]{40}", identity) and identity not in ids, label, f"a node's id: {line}")
        host, port, bus = re.fullmatch(r"(.+):(\d+)@(\d+)(?:,.*)?", address).groups()
        check(host and 0 < int(port) < 65536 and int(bus) < 65536, label, f"an address: {line}")
        check(link == "connected" and {ping, pong, epoch} and all(n.isdigit() for n in (ping, pong, epoch)), label, line)
        check(set(flags.split(",")) <= {"myself", "master", "slave", "replica", "fail", "fail?", "handshake", "noaddr", "nofailover", "noflags"}, label, flags)
        check("master" in flags and primary == "-", label, f"every node is a primary: {line}")
        if "myself" in flags:
            myself.append(f"{host}:{port}")
        ids[identity] = f"{host}:{port}"
        for part in fields[8:]:
            if part.startswith("["):
                continue
            first, _, last = part.partition("-")
            for n in range(int(first), int(last or first) + 1):
                check(owner[n] is None, label, f"slot {n} twice")
                owner[n] = f"{host}:{port}"
    check(len(myself) == 1 and None not in owner, label, f"myself: {myself}; slots without a node: {owner.count(None)}")
    check(len(set(ids.values())) == len(ids), label, "an address twice")
    return owner, myself[0]


def shards_map(reply, label):
    """CLUSTER SHARDS as redis-client and rueidis read it, from either version of the protocol."""
    pairs = lambda flat: flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2]))
    owner = [None] * SLOTS
    for shard in map(pairs, reply):
        nodes = [pairs(node) for node in shard["nodes"]]
        primaries = [node for node in nodes if node["role"] == "master"]
        check(len(primaries) == 1 and primaries[0]["health"] == "online", label, f"a shard's nodes {nodes}")
        address = f"{primaries[0]['endpoint'] or primaries[0]['ip']}:{primaries[0]['port']}"
        for first, last in zip(shard["slots"][::2], shard["slots"][1::2]):
            for n in range(int(first), int(last) + 1):
                check(owner[n] is None, label, f"slot {n} twice")
                owner[n] = address
    check(None not in owner, label, "slots without a node")
    return owner


def work(label, owner, version):
    """Requests as the map says, none of which may be MOVED; and where it does not say so, one must be."""
    at = {address: Wire(address) for address in set(owner)}
    if version == 3:
        for wire in at.values():
            fine(wire("HELLO", 3), label, "HELLO")
    for n in range(300):
        key = f"{label}:{n}"
        check(at[owner[slot(key)]]("SET", key, n, "EX", 60) == "OK", label, f"SET {key}")
    for n in range(300):
        key = f"{label}:{n}"
        check(at[owner[slot(key)]]("GET", key) == str(n), label, f"GET {key}")
        wrong = next(address for address in at if address != owner[slot(key)])
        if n < 10:
            moved = at[wrong]("GET", key)
            check(isinstance(moved, Error) and moved == f"MOVED {slot(key)} {owner[slot(key)]}", label, f"GET at another node: {moved}")
    for wire in at.values():
        fine(wire("FLUSHDB"), label, "FLUSHDB")
        wire.close()


def hello(wire, label, *words):
    reply = fine(wire("HELLO", 3, *words), label, "HELLO")
    check(reply["proto"] == 3 and reply["server"] == "redis" and re.fullmatch(r"\d+\.\d+\.\d+", reply["version"]), label, f"HELLO {reply}")
    check({"id", "mode", "role", "modules"} <= set(reply), label, f"HELLO {reply}")
    return reply


def jedis(cluster, gateway):
    label = "jedis"
    at = Wire(cluster)
    check(hello(at, label)["mode"] == "cluster", label, "mode")
    names(at, label, ("CLIENT", "SETNAME", "jedis"), ("CLIENT", "SETINFO", "LIB-NAME", "jedis"), ("CLIENT", "SETINFO", "LIB-VER", "6.0.0"))
    work(label, slots_map(fine(at("CLUSTER", "SLOTS"), label, "CLUSTER SLOTS"), label), 3)
    fine(at("READONLY"), label, "READONLY")
    at.close()
    plain = Wire(gateway)
    check(hello(plain, label)["mode"] == "standalone", label, "the gateway")
    names(plain, label, ("CLIENT", "SETINFO", "LIB-NAME", "jedis"))
    plain.close()


def lettuce(cluster, gateway):
    label = "lettuce"
    views = []
    for address in sorted(set(nodes_map(fine(Wire(cluster)("CLUSTER", "NODES"), label, "CLUSTER NODES"), label)[0])):
        at = Wire(address)
        hello(at, label, "SETNAME", "lettuce#cluster-topology")
        names(at, label, ("CLIENT", "SETINFO", "lib-name", "Lettuce"), ("CLIENT", "SETINFO", "lib-ver", "6.5.0"))
        at("CLIENT", "MAINT_NOTIFICATIONS", "on")  # an error is let pass
        nodes, fields = at.pipeline(("CLUSTER", "NODES"), ("INFO",))
        owner, myself = nodes_map(nodes, label)
        check(myself == address, label, f"{address} says that it is {myself}")
        about = info(fields)
        check(about["connected_clients"].isdigit() and about["master_repl_offset"].isdigit(), label, "INFO's fields")
        views.append(owner)
        at.close()
    check(len(views) == 3 and all(view == views[0] for view in views), label, "the nodes' views differ")
    work(label, views[0], 3)
    plain = Wire(gateway)
    hello(plain, label)
    check(plain("PING") == "PONG", label, "PING")
    # An unknown protocol makes it fall back; the words of the error count.
    unknown = Wire(gateway)
    check(str(unknown("HELLO", 9)).startswith("NOPROTO"), label, "HELLO 9")


def go_redis(cluster, gateway):
    label = "go-redis"
    at = Wire(cluster)
    hello(at, label)
    at("CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", "none")  # an error is let pass
    names(at, label, ("CLIENT", "SETINFO", "LIB-NAME", "go-redis(,go1.24)"), ("CLIENT", "SETINFO", "LIB-VER", "9.12.0"))
    owner = slots_map(fine(at("CLUSTER", "SLOTS"), label, "CLUSTER SLOTS"), label)
    commands = {entry[0].lower(): entry for entry in fine(at("COMMAND"), label, "COMMAND")}
    for name, first, last, step in (("get", 1, 1, 1), ("mset", 1, -1, 2), ("del", 1, -1, 1), ("ping", 0, 0, 0)):
        check(commands[name][3:6] == [first, last, step], label, f"COMMAND tells of {name}: {commands[name][:6]}")
    check("readonly" in commands["get"][2] and "readonly" not in commands["set"][2], label, "flags")
    work(label, owner, 3)
    plain = Wire(gateway)
    hello(plain, label)
    check(plain("SELECT", 3) == "OK" and plain("CLIENT", "SETNAME", "go") == "OK", label, "SELECT, CLIENT SETNAME")
    check(plain("SET", "a", 1) == "OK" and plain("DEL", "a") == 1, label, "requests")


def stack_exchange(cluster, gateway):
    label = "stackexchange"
    for address, mode in ((cluster, "cluster"), (gateway, "standalone")):
        at = Wire(address)
        check(hello(at, label)["mode"] == mode, label, "mode")
        names(at, label, ("CLIENT", "SETNAME", "host(SE.Redis-v2.8.41)"), ("CLIENT", "SETINFO", "lib-name", "SE.Redis"),
              ("CLIENT", "SETINFO", "lib-ver", "2.8.41"))
        check(isinstance(fine(at("CLIENT", "ID"), label, "CLIENT ID"), int), label, "CLIENT ID")
        for name in ("timeout", "databases"):
            value = fine(at("CONFIG", "GET", name), label, "CONFIG GET")
            check(isinstance(value, dict) and value[name].isdigit(), label, f"CONFIG GET {name}: {value}")
        # Whether it may write to a replica; a name that the server does not have is an empty answer.
        check(at("CONFIG", "GET", "replica-read-only") in ({"replica-read-only": "yes"}, {"replica-read-only": "no"}, {}), label, "replica-read-only")
        # Refused by everything that is no sentinel; this makes it take the server as one of the ordinary kind.
        check(isinstance(at("SENTINEL", "MASTERS"), Error), label, "SENTINEL MASTERS")
        replication = info(fine(at("INFO", "replication"), label, "INFO replication"))
        check(replication["role"] == "master", label, f"role {replication}")
        server = info(fine(at("INFO", "server"), label, "INFO server"))
        check(re.fullmatch(r"\d+(\.\d+)+", server["redis_version"]) and server["redis_mode"] == mode and server["run_id"], label, "INFO server")
        nodes = at("CLUSTER", "NODES")
        if mode == "cluster":
            owner, myself = nodes_map(fine(nodes, label, "CLUSTER NODES"), label)
            check(myself == address, label, f"{address} says that it is {myself}")
            tie = at("GET", "__Booksleeve_TieBreak")
            check(tie is None or str(tie).startswith("MOVED "), label, f"the tie-breaker: {tie}")
        else:
            check(isinstance(nodes, Error) and nodes == "ERR This instance has cluster support disabled", label, f"CLUSTER NODES: {nodes}")
            check(at("GET", "__Booksleeve_TieBreak") is None, label, "the tie-breaker")
        tracer = bytes(range(16))
        check(at("ECHO", tracer) == tracer.decode("utf-8", "surrogateescape"), label, "ECHO")
        # Its channel of configuration, on the same connection in RESP3 and on one more in RESP2.
        at.send("SUBSCRIBE", "__Booksleeve_MasterChanged")
        check(at.read() == ["subscribe", "__Booksleeve_MasterChanged", 1], label, "SUBSCRIBE")
        check(at("PING") == "PONG", label, "PING while subscribed")
        at.close()
    work(label, owner, 3)


def redisson(cluster, gateway):
    label = "redisson"
    at = Wire(cluster)
    hello(at, label)
    check(at("CLIENT", "SETNAME", "redisson") == "OK" and at("PING") == "PONG", label, "CLIENT SETNAME, PING")
    owner, _ = nodes_map(fine(at("CLUSTER", "NODES"), label, "CLUSTER NODES"), label)
    check(info(at("INFO", "replication"))["role"] == "master", label, "INFO replication")
    work(label, owner, 3)


def rueidis(cluster, gateway):
    label = "rueidis"
    at = Wire(cluster)
    version = hello(at, label)["version"]
    check(at("CLIENT", "TRACKING", "ON", "OPTIN") == "OK", label, "CLIENT TRACKING")
    names(at, label, ("CLIENT", "SETINFO", "LIB-NAME", "rueidis"), ("CLIENT", "SETINFO", "LIB-VER", "1.0.60"))
    topology = at("CLUSTER", "SHARDS" if int(version.split(".")[0]) >= 8 else "SLOTS")
    owner = shards_map(topology, label) if int(version.split(".")[0]) >= 8 else slots_map(topology, label)
    work(label, owner, 3)
    # Its cache of values on this side: MULTI around the time to live and the value, then the word that it changed.
    plain, other = Wire(gateway), Wire(gateway)
    hello(plain, label)
    check(plain("CLIENT", "TRACKING", "ON", "OPTIN") == "OK" and other("SET", "cached", 1) == "OK", label, "CLIENT TRACKING")
    replies = plain.pipeline(("CLIENT", "CACHING", "YES"), ("MULTI",), ("PTTL", "cached"), ("GET", "cached"), ("EXEC",))
    check(replies == ["OK", "OK", "QUEUED", "QUEUED", [-1, "1"]], label, f"a cached read: {replies}")
    other("SET", "cached", 2)
    told = plain.read()
    check(told == ["invalidate", ["cached"]], label, f"told of a change: {told}")
    other("DEL", "cached")


def redis_client(cluster, gateway):
    label = "redis-client"
    owners = []
    for version in (2, 3):
        at = Wire(cluster)
        if version == 3:
            hello(at, label)
        names(at, label, ("CLIENT", "SETINFO", "LIB-NAME", "redis-client"), ("CLIENT", "SETINFO", "LIB-VER", "0.25"))
        owners.append(shards_map(fine(at("CLUSTER", "SHARDS"), label, "CLUSTER SHARDS"), label))
        # Only this beginning makes it ask with CLUSTER NODES instead.
        unknown = at("CLUSTER", "NONESUCH")
        check(isinstance(unknown, Error) and unknown.lower().startswith("err unknown subcommand"), label, f"an unknown subcommand: {unknown}")
        at.close()
    check(owners[0] == owners[1], label, "CLUSTER SHARDS differs by protocol")
    work(label, owners[0], 2)
    plain = Wire(gateway)
    role = plain("ROLE")
    check(role[0] == "master" and isinstance(role[1], int) and role[2] == [], label, f"ROLE {role}")


cluster, gateway = sys.argv[1:3]
for client in (jedis, lettuce, go_redis, stack_exchange, redisson, rueidis, redis_client):
    client(cluster, gateway)
    print(f"ok {client.__name__} as recorded")

"""Frameworks that have no package here, by what they send: the cache of Rails 7 and 8, the tags of Laravel 10 and later, Spring's
cache and its sessions. Written down from their sources; the values that they would parse are looked at."""
import time

from frame import DATABASE, GATEWAYS, check, done, through_faults, unconfirmed
from wire import Error, Wire, info


def is_(got, right, what):
    check(got == right, f"{what}: {got!r}, not {right!r}")


def connect(version=2):
    at = Wire(GATEWAYS[0])
    if version == 3:
        check(at("HELLO", 3)["proto"] == 3, "HELLO 3")
    is_(at("SELECT", DATABASE), "OK", "SELECT")
    return at


def rails():
    at = connect(3)
    # An older server does not know CLIENT SETINFO, and the client lets that pass.
    for reply in at.pipeline(("CLIENT", "SETINFO", "LIB-NAME", "redis-client(redis-rb_v5.4.0)"), ("CLIENT", "SETINFO", "LIB-VER", "0.25.0")):
        check(reply == "OK" or isinstance(reply, Error), "CLIENT SETINFO")
    check(int(info(at("INFO", "server"))["redis_version"].split(".")[0]) >= 7, "redis_version")
    is_(at("SET", "app:a", b"\x00\x11\xff", "PX", 600_000), "OK", "write")
    is_(at("SET", "app:a", "x", "NX", "PX", 600_000), None, "write unless_exist")
    is_(at("GET", "app:a"), b"\x00\x11\xff".decode("utf-8", "surrogateescape"), "read")
    is_(at.pipeline(*[("SET", f"app:m{n}", n, "PX", 600_000) for n in range(100)]), ["OK"] * 100, "write_multi")
    is_(at("MGET", *[f"app:m{n}" for n in range(101)]), [str(n) for n in range(100)] + [None], "read_multi")
    is_(at.pipeline(("INCRBY", "app:n", 2), ("EXPIRE", "app:n", 60, "NX")), [2, 1], "increment")
    is_(at.pipeline(("INCRBY", "app:n", 2), ("EXPIRE", "app:n", 90, "NX")), [4, 0], "increment again")
    check(50 < at("TTL", "app:n") <= 60, "the first time to live stays")
    is_(at("DECRBY", "app:n", 1), 3, "decrement")
    is_(at("UNLINK", "app:m0", "app:m1", "app:none"), 2, "delete_multi")
    cursor, removed = "0", 0
    while True:
        cursor, keys = at("SCAN", cursor, "MATCH", "app:m*", "COUNT", 1000)
        removed += at("UNLINK", *keys) if keys else 0
        if cursor == "0":
            break
    is_(removed, 98, "delete_matched")
    is_(at("EXISTS", "app:a", "app:m5"), 1, "exist")
    at.close()


def laravel_tags():
    at = connect()
    now = int(time.time())
    is_(at.pipeline(*[("ZADD", f"tag:{tag}:entries", now + 60, f"key{n}") for tag in ("a", "b") for n in range(50)]), [1] * 100, "tags")
    is_(at("ZADD", "tag:a:entries", "NX", -1, "for-ever"), 1, "tag of what stays")
    is_(at("ZADD", "tag:a:entries", "GT", now + 99, "key0"), 0, "tag again")
    is_(at("ZADD", "tag:a:entries", now - 5, "stale"), 1, "a stale tag")
    is_(at.pipeline(*[("ZREMRANGEBYSCORE", f"tag:{tag}:entries", 0, now) for tag in ("a", "b")]), [1, 0], "flushStaleEntries")
    seen, cursor = {}, "0"
    while True:
        cursor, found = at("ZSCAN", "tag:a:entries", cursor, "MATCH", "*", "COUNT", 1000)
        seen.update(zip(found[::2], found[1::2]))
        if cursor == "0":
            break
    is_(seen, {"for-ever": "-1", "key0": str(now + 99), **{f"key{n}": str(now + 60) for n in range(1, 50)}}, "entries")
    is_(at("MULTI"), "OK", "putMany")
    is_(at.pipeline(*[("SETEX", f"key{n}", 60, f's:1:"{n}";') for n in range(50)]), ["QUEUED"] * 50, "putMany")
    is_(at("EXEC"), ["OK"] * 50, "putMany")
    is_(at("DEL", *[f"key{n}" for n in range(50)]), 50, "flush of tags")
    is_(at("DEL", "tag:a:entries"), 1, "resetTag")
    at.close()


def spring_cache():
    at = connect(3)
    is_(at("SET", "books::1", "a", "PX", 60_000), "OK", "put")
    is_(at("SET", "books::1", "b", "PX", 60_000, "NX"), None, "putIfAbsent")
    is_(at("GETEX", "books::1", "PX", 90_000), "a", "get with time to idle")
    check(at("PTTL", "books::1") > 60_000, "time to idle")
    at.pipeline(*[("SET", f"books::{n}", n) for n in range(2, 30)])
    keys = at("KEYS", "books::*")
    is_(sorted(keys), sorted(f"books::{n}" for n in range(1, 30)), "KEYS")
    is_(at("DEL", *keys), 29, "clear")
    at.close()


def spring_session():
    at, told = connect(), connect()
    before = at("CONFIG", "GET", "notify-keyspace-events")[1]
    is_(at("CONFIG", "SET", "notify-keyspace-events", "Egx"), "OK", "CONFIG SET")
    told.send("PSUBSCRIBE", f"__keyevent@{DATABASE}__:del", f"__keyevent@{DATABASE}__:expired", "spring:session:event:*")
    is_([told.read()[2] for _ in range(3)], [1, 2, 3], "PSUBSCRIBE")
    session = "spring:session:sessions:1"
    is_(at("HSET", session, "creationTime", 1, "maxInactiveInterval", 1800, "sessionAttr:user", b"\xac\xed"), 3, "HSET")
    is_(at("PEXPIRE", session, 2_100_000), 1, "PEXPIRE")
    is_(at("SADD", "spring:session:expirations:1", "expires:1"), 1, "SADD")
    is_(at.pipeline(("APPEND", "spring:session:sessions:expires:1", ""), ("PEXPIRE", "spring:session:sessions:expires:1", 300)), [0, 1], "expires")
    is_(at("HGETALL", session)[:4], ["creationTime", "1", "maxInactiveInterval", "1800"], "HGETALL")
    is_(told.read(), ["pmessage", f"__keyevent@{DATABASE}__:expired", f"__keyevent@{DATABASE}__:expired", "spring:session:sessions:expires:1"], "expired")
    is_(at("DEL", session), 1, "DEL")
    is_(told.read()[3], session, "del")
    is_(at("PUBLISH", "spring:session:event:0:created:1", "x"), 1, "PUBLISH")
    is_(told.read()[1:], ["spring:session:event:*", "spring:session:event:0:created:1", "x"], "created")
    at("CONFIG", "SET", "notify-keyspace-events", before)
    at.close()
    told.close()


sequences = [rails, laravel_tags, spring_cache, spring_session]
for sequence in sequences:
    sequence()
connections, may, unsure = [connect(3), connect()], [{}, {}], [0, 0]


def step(thread, chance):
    """Rails's writes and reads on a connection that is never made anew."""
    at, key = connections[thread], f"k{thread}:{chance.randrange(200)}"
    if chance.randrange(2):
        value = str(chance.random())
        reply = at("SET", key, value, "PX", 600_000)
        if isinstance(reply, Error):
            check(unconfirmed(reply), f"SET: {reply}")
            unsure[thread] += 1
            may[thread][key] = may[thread].get(key, {None}) | {value}
        else:
            may[thread][key] = {value}
    else:
        got = at("GET", key)
        check(got in may[thread].get(key, {None}), f"{key} is {got!r}, not of {may[thread].get(key)}")


figures = through_faults(step)
for thread in range(2):
    for key, values in may[thread].items():
        check(connections[thread]("GET", key) in values, f"{key} afterwards")
for sequence in sequences:
    is_(connections[0]("FLUSHDB"), "OK", "FLUSHDB")
    sequence()
done(sequences=len(sequences), unconfirmed=sum(unsure), **figures)

#!/usr/bin/env python3
"""Random commands to a Redis server and to dcache, whose replies must be equal byte for byte.

    tests/clients/differential.py --dcache HOST:PORT [--redis HOST:PORT] [--seed N] [--commands N] [--types hash,list…] [--resp 2|3]

Without --redis it starts `redis-server` from the PATH and ends it again. Both are flushed first. Every sequence follows from its
seed; a difference is printed with the seed and the commands on the same keys before it. What is allowed to differ is in `alike`:
the order of elements that Redis keeps in none, and what dice decide, of which only the shape is compared and which is made the
same on both by taking out there what went here.
"""

import random
import sys
import time

import sides
from sides import Server


SMALL = ["a", "b", "c", "1", "2", "3", "-7", "12345678901", "x" * 64, "x" * 65, "", "f1", "f2", "f3", "10", "010"]
UNORDERED = {"sunion", "sinter", "sdiff", "smembers", "hgetall", "hkeys", "hvals", "keys"}
SCANS = {"hscan", "sscan", "zscan"}


class Writer:
    """Commands at random, of one or more types."""

    def __init__(self, dice, types, has_newer):
        self.dice, self.types, self.has_newer = dice, types, has_newer
        self.later, self.clock = [], 0
        self.makers = [getattr(self, name) for name in types]

    def pick(self, *choices):
        return self.dice.choice(choices)

    def chance(self, share):
        return self.dice.random() < share

    def key(self, prefix=None):
        if prefix is None or self.chance(0.02):
            prefix = self.pick("h", "l", "s", "z", "g", *("x" for _ in self.types if _ == "stream"))
        return f"{{t}}{prefix}{self.dice.randrange(4)}"

    def element(self):
        if self.chance(0.5):
            return self.dice.choice(SMALL)
        return self.pick("m", "", "el:") + str(self.dice.randrange(300))

    def elements(self, most=4):
        if self.chance(0.03):
            most = 200
        return [self.element() for _ in range(self.dice.randint(1, most))]

    def number(self):
        return self.pick("0", "1", "-1", "2", "-2", "3", "5", "-5", "10", "100", "-100", "1000", "9223372036854775807", "-9223372036854775808", "x", "", "1.5")

    def index(self):
        return str(self.dice.randint(-12, 12)) if self.chance(0.93) else self.number()

    def score(self):
        if self.chance(0.04):
            return self.pick("inf", "-inf", "+inf", "nan", "x", "", "1e400", "1e3", " 1", "0x10")
        return self.pick(str(self.dice.randint(-20, 20)), str(self.dice.randint(-20, 20) / 4), "0", "1")

    def bound(self):
        return self.pick("", "", "(") + self.score()

    def lex(self):
        return self.pick("-", "+", "[" + self.element(), "(" + self.element(), "[m1", "(m2", "[el:", "x") if self.chance(0.95) else self.element()

    def noise(self, command):
        """Now and then a word too many, too few, or in another case."""
        roll = self.dice.random()
        if roll < 0.02:
            command.append(self.pick("x", "COUNT", "WITHSCORES", "LIMIT", "1"))
        elif roll < 0.03 and len(command) > 1:
            command.pop()
        elif roll < 0.05:
            command[0] = command[0].upper()
        return command

    def maybe(self, *words):
        return list(words) if self.chance(0.4) else []

    def hash(self):
        key = self.key("h")
        e, es = self.element, self.elements
        f = self.dice.randrange(19)
        pairs = [word for element in es() for word in (element, e())]
        return [
            ["hset", key] + pairs, ["hset", key] + pairs, ["hset", key, e(), e()], ["hmset", key] + pairs,
            ["hget", key, e()], ["hmget", key] + es(), ["hgetall", key], ["hkeys", key], ["hvals", key], ["hlen", key],
            ["hexists", key, e()], ["hstrlen", key, e()], ["hdel", key] + es(), ["hdel", key] + es(40), ["hsetnx", key, e(), e()],
            ["hincrby", key, self.pick("n", e()), self.number()],
            ["hincrbyfloat", key, self.pick("n", "d", e()), self.score()],
            ["hscan", key, "0"] + self.maybe("match", self.pick("*", "m*", "?")) + self.maybe("count", self.number()),
            ["hrandfield", key] + self.maybe(self.number()),
        ][f]

    def list(self):
        key, e, es = self.key("l"), self.element, self.elements
        f = self.dice.randrange(20)
        end = lambda: self.pick("left", "right", "LEFT", "middle")
        return [
            ["lpush", key] + es(), ["rpush", key] + es(), ["rpush", key] + es(30), ["lpushx", key] + es(), ["rpushx", key] + es(),
            ["lpop", key] + self.maybe(self.number()), ["rpop", key] + self.maybe(self.number()), ["llen", key],
            ["lrange", key, self.index(), self.index()], ["lrange", key, "0", "-1"], ["lindex", key, self.index()],
            ["lset", key, self.index(), e()], ["linsert", key, self.pick("before", "after", "AFTER", "x"), e(), e()],
            ["lrem", key, self.index(), e()], ["ltrim", key, self.index(), self.pick(self.index(), "-1")],
            ["lpos", key, e()] + self.maybe("rank", self.index()) + self.maybe("count", self.index()) + self.maybe("maxlen", self.index()),
            ["lmove", key, self.key("l"), end(), end()], ["rpoplpush", key, self.key("l")],
            ["lmpop", self.pick("1", "2", "2", "0"), key, self.key("l"), end()] + self.maybe("count", self.number()),
            ["rpush", key] + es(),
        ][f]

    def set(self):
        key, e, es = self.key("s"), self.element, self.elements
        keys = [self.key("s") for _ in range(self.dice.randint(1, 3))]
        f = self.dice.randrange(19)
        return [
            ["sadd", key] + es(), ["sadd", key] + es(), ["sadd", key] + [str(self.dice.randrange(700)) for _ in range(self.dice.randint(1, 9))],
            ["srem", key] + es(), ["srem", key] + es(30), ["scard", key], ["sismember", key, e()], ["smismember", key] + es(), ["smembers", key],
            ["sscan", key, "0"] + self.maybe("match", self.pick("*", "m*", "?")), ["srandmember", key] + self.maybe(self.number()),
            ["spop", key], ["spop", key, self.number()], ["smove", key, self.key("s"), e()],
            [self.pick("sunion", "sinter", "sdiff")] + keys, [self.pick("sunion", "sinter", "sdiff")] + keys,
            [self.pick("sunionstore", "sinterstore", "sdiffstore"), self.key("s")] + keys,
            ["sintercard", self.pick(str(len(keys)), "1", self.number())] + keys + self.maybe("limit", self.number()),
            ["smembers", key],
        ][f]

    def zset(self):
        key, e, es = self.key("z"), self.element, self.elements
        keys = [self.key(self.pick("z", "z", "z", "s")) for _ in range(self.dice.randint(1, 3))]
        options = [word for word in ("nx", "xx", "gt", "lt", "ch") if self.chance(0.12)]
        pairs = [word for element in es() for word in (self.score(), element)]
        limit = self.maybe("limit", self.index(), self.index())
        scores = self.maybe("withscores")
        joins = self.maybe("weights", *[self.score() for _ in keys]) + self.maybe("aggregate", self.pick("sum", "min", "max", "x"))
        f = self.dice.randrange(34)
        return [
            ["zadd", key] + options + pairs, ["zadd", key] + pairs, ["zadd", key] + pairs, ["zadd", key] + options + ["incr", self.score(), e()],
            ["zincrby", key, self.score(), e()], ["zrem", key] + es(), ["zrem", key] + es(30), ["zcard", key], ["zscore", key, e()],
            ["zmscore", key] + es(), ["zrank", key, e()], ["zrevrank", key, e()], ["zcount", key, self.bound(), self.bound()],
            ["zrange", key, self.index(), self.index()] + self.maybe("rev") + scores, ["zrange", key, "0", "-1", "withscores"],
            ["zrange", key, self.bound(), self.bound(), "byscore"] + self.maybe("rev") + limit + scores,
            ["zrevrange", key, self.index(), self.index()] + scores,
            ["zrangebyscore", key, self.bound(), self.bound()] + scores + limit, ["zrevrangebyscore", key, self.bound(), self.bound()] + limit + scores,
            ["zrangestore", self.key("z"), key, self.index(), self.index()] + self.maybe("rev"),
            ["zrangestore", self.key("z"), key, self.bound(), self.bound(), "byscore"] + limit,
            ["zremrangebyrank", key, self.index(), self.index()], ["zremrangebyscore", key, self.bound(), self.bound()],
            ["zpopmin", key] + self.maybe(self.number()), ["zpopmax", key] + self.maybe(self.number()),
            ["zmpop", self.pick("1", "2", "0"), key, self.key("z"), self.pick("min", "max", "x")] + self.maybe("count", self.number()),
            [self.pick("zunion", "zinter"), str(len(keys))] + keys + joins + scores, ["zdiff", str(len(keys))] + keys + scores,
            [self.pick("zunionstore", "zinterstore"), self.key("z"), str(len(keys))] + keys + joins,
            ["zdiffstore", self.key("z"), self.pick(str(len(keys)), self.number())] + keys,
            ["zintercard", str(len(keys))] + keys + self.maybe("limit", self.number()),
            ["zrandmember", key] + self.maybe(self.number()), ["zscan", key, "0"] + self.maybe("match", self.pick("*", "m*")),
            ["zadd", key] + pairs,
        ][f]

    def lexset(self):
        key = f"{{t}}lex{self.dice.randrange(2)}"
        f = self.dice.randrange(9)
        limit = self.maybe("limit", self.index(), self.index())
        return [
            ["zadd", key] + [word for element in self.elements() for word in ("0", element)],
            ["zadd", key] + [word for element in self.elements() for word in ("0", element)],
            ["zrangebylex", key, self.lex(), self.lex()] + limit, ["zrevrangebylex", key, self.lex(), self.lex()] + limit,
            ["zlexcount", key, self.lex(), self.lex()], ["zremrangebylex", key, "[m1", self.lex()],
            ["zrange", key, self.lex(), self.lex(), "bylex"] + self.maybe("rev") + limit,
            ["zrangestore", f"{{t}}lex{self.dice.randrange(2)}", key, self.lex(), self.lex(), "bylex"],
            ["zrangebylex", key, "-", "+"],
        ][f]

    def generic(self):
        f = self.dice.randrange(12)
        return [
            ["del", self.key()], ["exists", self.key()], ["type", self.key()], ["rename", self.key(), self.key()],
            ["renamenx", self.key(), self.key()], ["copy", self.key(), self.key()] + self.maybe("replace"), ["set", self.key("g"), self.element()],
            ["get", self.key()], ["expire", self.key(), "1000"], ["persist", self.key()], ["unlink", self.key()],
            ["sort", self.key(self.pick("l", "s", "z"))] + self.maybe("alpha") + self.maybe("desc") + self.maybe("limit", self.index(), self.index()) if self.has_sort else ["exists", self.key()],
        ][f]

    def bitmap(self):
        key = f"{{t}}b{self.dice.randrange(3)}"
        off = lambda: self.pick("0", "1", "7", "8", "9", "63", "64", "100", "1000", "-1", "x", "#1", "4294967295")
        kind = lambda: self.pick("u8", "i8", "u1", "i16", "u63", "i64", "u64", "i5", "u16", "x")
        f = self.dice.randrange(12)
        unit = self.maybe(self.pick("bit", "byte", "x"))
        return [
            ["setbit", key, self.pick("0", "1", "7", "8", "100", "1000", "-1", "x"), self.pick("0", "1", "2")],
            ["getbit", key, off()], ["bitcount", key], ["bitcount", key, self.index(), self.index()] + unit,
            ["bitpos", key, self.pick("0", "1", "1", "2")], ["bitpos", key, self.pick("0", "1"), self.index()],
            ["bitpos", key, self.pick("0", "1"), self.index(), self.index()] + unit,
            ["bitop", self.pick("and", "or", "xor", "not", "x"), f"{{t}}b{self.dice.randrange(3)}", key] + self.maybe(f"{{t}}b{self.dice.randrange(3)}"),
            ["bitfield", key] + self.maybe("overflow", self.pick("wrap", "sat", "fail", "x")) + ["set", kind(), self.pick("0", "7", "#1", "100"), self.index()] + ["incrby", kind(), self.pick("0", "5", "#2"), self.number()] + ["get", kind(), self.pick("0", "3", "#1")],
            ["bitfield_ro", key, "get", kind(), off()], ["set", key, self.element()], ["get", key],
        ][f]

    def hyperloglog(self):
        key = f"{{t}}p{self.dice.randrange(3)}"
        many = [str(self.dice.randrange(1 << 40)) for _ in range(self.pick(1, 5, 500))]
        f = self.dice.randrange(7)
        return [
            ["pfadd", key] + self.elements(), ["pfadd", key] + many, ["pfadd", key], ["pfcount", key], ["pfcount", key, f"{{t}}p{self.dice.randrange(3)}"],
            ["pfmerge", f"{{t}}p{self.dice.randrange(3)}", key, f"{{t}}p{self.dice.randrange(3)}"], ["get", key],
        ][f]

    def geo(self):
        key = f"{{t}}geo{self.dice.randrange(2)}"
        place = lambda: [str(self.dice.randint(-179, 179) / 1.0), str(self.dice.randint(-85, 85) / 1.0)]
        name = lambda: f"p{self.dice.randrange(30)}"
        center = lambda: self.pick(["frommember", name()], ["fromlonlat"] + place())
        shape = lambda: self.pick(["byradius", str(self.dice.randrange(1, 5000)), self.pick("km", "m", "mi", "ft", "x")], ["bybox", str(self.dice.randrange(1, 9000)), str(self.dice.randrange(1, 9000)), "km"])
        order = lambda: self.pick(["asc"], ["desc"])
        f = self.dice.randrange(10)
        extra = self.maybe("withcoord") + self.maybe("withdist") + self.maybe("withhash")
        return [
            ["geoadd", key] + self.maybe(self.pick("nx", "xx", "ch")) + place() + [name()], ["geoadd", key] + place() + [name()] + place() + [name()],
            ["geopos", key, name(), name()], ["geodist", key, name(), name()] + self.maybe(self.pick("km", "m", "x")), ["geohash", key, name(), name()],
            ["geosearch", key] + center() + shape() + order() + self.maybe("count", self.pick("1", "3", "0")) + extra,
            ["geosearchstore", f"{{t}}geo{self.dice.randrange(2)}", key] + center() + shape() + self.maybe("storedist"),
            ["georadius", key] + place() + [str(self.dice.randrange(1, 9000)), "km"] + order() + extra,
            ["georadiusbymember", key, name(), str(self.dice.randrange(1, 9000)), "km"] + order() + extra,
            ["georadius_ro", key] + place() + [str(self.dice.randrange(1, 9000)), "km"] + order(),
        ][f]

    def lcs(self):
        keys = [f"{{t}}c{self.dice.randrange(3)}" for _ in range(2)]
        f = self.dice.randrange(3)
        text = "".join(self.dice.choice("abcd") for _ in range(self.dice.randrange(20)))
        return [
            ["set", keys[0], text], ["lcs"] + keys + self.maybe("len"),
            ["lcs"] + keys + ["idx"] + self.maybe("minmatchlen", self.index()) + self.maybe("withmatchlen"),
        ][f]

    def stream_id(self):
        if self.chance(0.05):
            return self.pick("x", "", "5-", "-", "+", "0", "0-0", "18446744073709551615-18446744073709551615", "1-x", "-5", "05-3")
        return f"{self.dice.randrange(1, 40 + self.clock)}" + self.pick("", "-0", "-1", "-2", f"-{self.dice.randrange(6)}")

    def stream_bound(self):
        return self.pick("-", "+", "(" + self.stream_id(), self.stream_id(), self.stream_id())

    def stream_trim(self):
        words = [self.pick("maxlen", "maxlen", "minid", "MAXLEN")] + self.pick([], [], ["="], ["~"], ["~"])
        words.append(self.pick(str(self.dice.randrange(250)), "0", self.number()) if words[0] != "minid" else self.stream_id())
        return words + (["limit", self.pick("0", "100", "150", self.number())] if self.chance(0.1) else [])

    def stream(self):
        key = self.key("x") if self.chance(0.97) else self.key()
        group, consumer = self.pick("g1", "g2", "g3"), self.pick("c1", "c2", "c3")
        count = self.maybe("count", self.pick("1", "2", "5", "0", self.number()))
        ids = [self.stream_id() for _ in range(self.dice.randint(1, 4))]
        fields = [word for _ in range(self.pick(1, 1, 1, 2, 3)) for word in (self.pick("f1", "f2", "name"), self.element())]
        if self.chance(0.02):
            fields.append("y" * self.dice.randrange(5000))
        self.clock += self.chance(0.1)
        new_id = f"{40 + self.clock}" + self.pick("-*", "-*", "-*", "-1", "", "-5")
        if self.chance(0.03):
            new_id = self.stream_id()
        more = self.pick(1, 1, 1, 1, 2)
        keys, behind = [key] + [self.key("x") for _ in range(more - 1)], [self.pick("0", "$", self.stream_id(), self.stream_id()) for _ in range(more)]
        given = [self.pick(">", ">", ">", "0", self.stream_id()) for _ in range(more)]
        if self.chance(0.07):
            # Redis 7.0 makes the consumer only when it is given something.
            options = self.maybe(self.pick("force", "justid")) + self.maybe(self.pick("idle", "time"), self.pick("5", "0", "-1", "x")) + self.maybe("retrycount", self.pick("3", "0", "x", "-2")) + self.maybe("lastid", self.stream_id())
            self.later = [
                ["xautoclaim", key, group, consumer, self.pick("0", "0", "100000000", "x"), self.pick("0", "-", self.stream_id())] + self.maybe("count", self.pick("1", "2", "0", "x")) + self.maybe("justid")
                if self.chance(0.4) else ["xclaim", key, group, consumer, self.pick("0", "0", "100000000", "-1")] + ids + options
            ]
            return ["xgroup", "createconsumer", key, group, consumer]
        if self.chance(0.12):
            # So does it here.
            self.later = [self.pick(
                ["xreadgroup", "group", group, consumer] + count + self.maybe("noack") + ["streams"] + keys + given,
                ["xreadgroup", "group", group, consumer] + count + ["streams", key, ">"], ["xreadgroup", "group", group, consumer, "streams", key, "0"],
            )] + [["xgroup", "createconsumer", other, group, consumer] for other in keys]
            return ["xlen", key]
        if self.chance(0.03):
            return self.pick(["copy", key, self.key("x"), "replace"], ["rename", key, self.key("x")], ["del", key], ["object", "encoding", key] if self.types == ["stream"] else ["type", key], ["xlen", key])
        return self.dice.choice([["xadd", key] + self.maybe("nomkstream") + (self.stream_trim() if self.chance(0.15) else []) + [new_id] + fields] * 12 + [
            ["xlen", key], ["xrange", key, self.stream_bound(), self.stream_bound()] + count, ["xrevrange", key, self.stream_bound(), self.stream_bound()] + count,
            ["xdel", key] + ids, ["xdel", key] + ids, ["xtrim", key] + self.stream_trim(),
            ["xsetid", key, self.pick("x", f"{40 + self.clock}-9", f"{41 + self.clock}")] + self.maybe("entriesadded", self.number()) + self.maybe("maxdeletedid", self.stream_id()),
            ["xread"] + count + ["streams"] + keys + behind, ["xinfo", "stream", key], ["xinfo", "groups", key], ["xinfo", "consumers", key, group],
            ["xinfo", "stream", key, "full"] + count,
            ["xgroup", "create", key, group, self.pick("$", "0", self.stream_id())] + self.maybe("mkstream") + self.maybe("entriesread", self.number()),
            ["xgroup", "create", key, group, self.pick("$", "0", self.stream_id()), "mkstream"],
            ["xgroup", "setid", key, group, self.pick("$", "0", self.stream_id())] + self.maybe("entriesread", self.number()),
            ["xgroup", self.pick("destroy", "x", "help"), key, group] if self.chance(0.3) else ["xlen", key],
            ["xgroup", "delconsumer", key, group, consumer],
            ["xack", key, group] + ids, ["xack", key, group] + ids, ["xpending", key, group],
            ["xpending", key, group] + self.maybe("idle", self.pick("0", "100000000", "x")) + [self.stream_bound(), self.stream_bound(), self.number()] + self.maybe(consumer),
            ["xpending", key, group, "-", "+", "10"],
        ])

    def next(self):
        if self.later:
            return [str(word) for word in self.later.pop()]
        command = self.dice.choice(self.makers)()
        return [str(word) for word in (command if self.later else self.noise(command))]


def unordered(tree, pairs):
    kind, items = tree
    if not isinstance(items, list):
        return tree
    if pairs and len(items) % 2 == 0:
        return (kind, sorted(zip(items[::2], items[1::2]), key=repr))
    return (kind, sorted(items, key=repr))


def newer_than_the_server(name, command, one, other):
    """Where Redis 7.2 answers otherwise than 7.0, and dcache as 7.2."""
    if name == "lpos" and "-9223372036854775808" in command:
        return True
    if name in ("zrank", "zrevrank") and len(command) == 4:
        return True
    if name == "xsetid" and one[0] == other[0] == b"-":
        # Against the highest ID that was deleted, too.
        return other[1].endswith(b"current max_deleted_entry_id")
    if name in ("xread", "xreadgroup") and one[1][:14] == other[1][:14] == b"ERR Unbalanced":
        return True
    # Arguments are read before it is looked whether there is a key.
    return name in ("bitcount", "bitpos") and other[0] == b"-" and one in ((b":", b"0"), (b":", b"-1"))


def without_negative_zeros(tree):
    """Whether a zero has a sign depends on how a server keeps a sorted set."""
    kind, value = tree
    if isinstance(value, list):
        return (kind, [without_negative_zeros(item) for item in value])
    return (kind, b"0" if value == b"-0" else value)


HIDDEN = {b"radix-tree-nodes", b"idle", b"inactive", b"seen-time", b"active-time"}


def without_times(tree, name):
    """What a stream's command says without when that was, and without what a Redis 7.0 does not say."""
    kind, items = tree
    if not isinstance(items, list):
        return (b"$" if kind == b"+" else kind, items)
    kind = b"*"
    if name == "xpending" and len(items) == 4 and items[2][0] == b":" and items[0][0] == b"$":
        return (kind, [items[0], items[1], items[3]])
    if name == "full" and items and all(item[0] in b"$:" for item in items) and len(items) in (3, 4) and items[-1][0] == b":" == items[-2][0]:
        return (kind, items[:-2] + items[-1:])
    kept, at = [], 0
    while at < len(items):
        if items[at][0] == b"$" and items[at][1] in HIDDEN and len(items) > 3:
            at += 2
            continue
        kept.append(without_times(items[at], name))
        at += 1
    return (kind, kept)


def alike(command, one, other):
    """Whether both say the same, as far as Redis says it in an order of its own."""
    if command[0].lower() in ("xinfo", "xpending"):
        name = "full" if any(word.lower() == "full" for word in command) else command[0].lower()
        one, other = without_times(one, name), without_times(other, name)
    if one == other or without_negative_zeros(one) == without_negative_zeros(other):
        return True
    name = command[0].lower()
    if name in UNORDERED:
        return unordered(one, name == "hgetall") == unordered(other, name == "hgetall")
    if isinstance(one[1], bytes) and isinstance(other[1], bytes) and one[1][:4] == b"HYLL":
        # Redis keeps the count that it told last.
        return one[1][:8] + one[1][16:] == other[1][:8] + other[1][16:]
    if newer_than_the_server(name, command, one, other):
        return True
    if name in SCANS and isinstance(one[1], list) and isinstance(other[1], list):
        # With all of them at once, or cursors that lead to the rest.
        return True
    if name in ("srandmember", "hrandfield", "zrandmember", "spop"):
        shape = lambda tree: (tree[0], len(tree[1])) if isinstance(tree[1], list) else (tree[0], tree[0] == b"-" and tree[1])
        return shape(one) == shape(other)
    return False


def main():
    parser = sides.options(__doc__)
    parser.add_argument("--commands", type=int, default=100_000)
    parser.add_argument("--types", default="hash,list,set,zset,lexset,stream,generic")
    parser.add_argument("--resp", default="2,3")
    parser.add_argument("--differences", type=int, default=20)
    parser.add_argument("--newer", action="store_true", help="the server is newer than 7.0")
    parser.add_argument("--sort", action="store_true", help="SORT among the generic ones")
    options = parser.parse_args()
    with sides.redis_server(options.redis) as options.redis:
        found = sum(compare(options, version) for version in options.resp.split(","))
    sys.exit(1 if found else 0)


def compare(options, version):
    dice = random.Random(f"{options.seed}/{version}")
    writer = Writer(dice, options.types.split(","), options.newer)
    Writer.has_sort = options.sort
    redis, dcache = Server(options.redis), Server(options.dcache)
    if version == "3":
        redis.call("HELLO", 3)
        dcache.call("HELLO", 3)
    for server in (redis, dcache):
        server.call("FLUSHALL")
    found, done, history = 0, 0, []
    began = time.time()
    while done < options.commands and found < options.differences:
        batch = []
        for _ in range(50):
            command = writer.next()
            batch.append([word.encode() for word in command])
            # What dice decide ends a batch, so that it can be made the same on both.
            if command[0].lower() == "spop":
                break
        redis.send(batch)
        dcache.send(batch)
        for command in batch:
            one, other = redis.value(), dcache.value()
            done += 1
            words = [word.decode("latin1") for word in command]
            history.append(words)
            if not alike(words, one, other):
                found += 1
                print(f"seed {options.seed}, RESP{version}, command {done}: {words}\n   redis {one!r:.400}\n  dcache {other!r:.400}")
                keys = {word for word in words[1:] if word.startswith("{t}")}
                related = [past for past in history[:-1] if keys & set(past)][-6:]
                for past in related:
                    print(f"      before: {' '.join(past)[:150]}")
                if found >= options.differences:
                    break
        history = history[-3000:]
        if batch and batch[-1][0].lower() == b"spop" and len(batch[-1]) > 1:
            same(redis, dcache, batch[-1][1], one, other)
    if found == 0:
        found += exchange(redis, dcache)
    print(f"seed {options.seed}, RESP{version}: {done} commands in {time.time() - began:.1f} s, {found} differences")
    return found


def exchange(redis, dcache):
    """Each restores what the other dumps, and has the same then."""
    read = {b"hash": ["hgetall"], b"list": ["lrange", 0, -1], b"set": ["smembers"], b"zset": ["zrange", 0, -1, "withscores"], b"string": ["get"]}
    found = 0
    for _, key in redis.call("KEYS", "*")[1]:
        kind = redis.call("TYPE", key)[1]
        if kind == b"stream":
            found += returned(redis, dcache, key)
            continue
        for one, other in ((redis, dcache), (dcache, redis)):
            restored = other.call("RESTORE", b"{t}restored", 0, one.call("DUMP", key)[1], "REPLACE")
            command = read[kind]
            values = [server.call(command[0], name, *command[1:]) for server, name in ((one, key), (other, b"{t}restored"))]
            if restored != (b"+", b"OK") or not alike(command, *values):
                found += 1
                print(f"{key} of {kind} is not the same when the other restores it: {restored} {values!r:.300}")
        for server in (redis, dcache):
            server.call("DEL", b"{t}restored")
    return found


def returned(redis, dcache, key):
    """A stream's dump is dcache's own: what it restores from it is what it was, and what Redis has."""
    restored = dcache.call("RESTORE", b"{t}restored", 0, dcache.call("DUMP", key)[1], "REPLACE")
    command = ["xinfo", "stream", "", "full", "count", "0"]
    one, other = redis.call(*command[:2], key, *command[3:]), dcache.call(*command[:2], b"{t}restored", *command[3:])
    dcache.call("DEL", b"{t}restored")
    if restored == (b"+", b"OK") and alike(command, one, other):
        return 0
    print(f"{key} is not the same when it is restored: {restored} {one!r:.300} {other!r:.300}")
    return 1


def same(redis, dcache, key, one, other):
    """After a SPOP that took different members: both have what either has less of."""
    members = lambda tree: [item[1] for item in tree[1]] if isinstance(tree[1], list) else [tree[1]]
    if one[0] in b"_-" or other[0] in b"_-":
        return
    redis.call("SREM", key, b"\0", *members(other))
    dcache.call("SREM", key, b"\0", *members(one))


if __name__ == "__main__":
    main()

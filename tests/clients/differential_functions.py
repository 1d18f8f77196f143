#!/usr/bin/env python3
"""Random libraries and calls of functions to a dcache node and to a Redis server: every reply equal.

    tests/clients/differential_functions.py --dcache HOST:PORT [--redis HOST:PORT] [--seed N] [--rounds N]

Libraries are loaded right and wrong, replaced, deleted, listed, dumped and restored, and their functions called. A dump is restored at
the other server too. Not compared: help, which 7.0 words otherwise, the order of libraries and functions, and the bytes of a dump.
"""

import random

import sides
from wire import Error, Wire

NAMES = ["a", "b", "c", "lib_1", "Long_Name"]
FUNCTIONS = ["f", "g", "h", "Call", "x_1"]
FLAGS = ["no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys", "No-Writes"]
BODIES = [
    "return keys[1]", "return {keys, args}", "return #args", "return redis.call('set', keys[1], args[1] or 'v')",
    "return redis.call('get', keys[1])", "return redis.pcall('get')", "error('boom')", "error({err='MY error'})",
    "return foo", "foo = 1", "return KEYS[1]", "return redis.register_function", "return tostring(redis.setresp(3))",
    "return cjson.encode(args)", "return {ok='fine'}", "return {err='bad'}", "return redis.error_reply('bad')",
    "return redis.call('nosuch')", "return redis.call('get')", "return helper(args[1])", "return redis.sha1hex('x')",
    "local t = {} t.t = t return tostring(t == t.t)", "return pcall(redis.call, 'incr')", "return math.floor(3.7)",
    "return loading.register_function('late', print)", "return loading == redis", "return redis.call('fcall', 'f', 0)",
]
AT_LOAD = [
    "", "", "", "", "local x = 1", "redis.log(redis.LOG_DEBUG, 'loads')", "redis.call('ping')", "local m = math.floor(1)",
    "foo = 1", "return foo", "error('x')", "x x", "redis.setresp(3)", "redis.register_function('f')",
    "redis.register_function(1, 2, 3)", "redis.register_function({}, function() end)", "redis.register_function('a-b', function() end)",
    "redis.register_function{1}", "redis.register_function{function_name='f'}", "redis.register_function{callback=function() end}",
    "redis.register_function{function_name={}}", "redis.register_function{flags=1}", "redis.register_function{flags={'x'}}",
    "redis.register_function{callback=1}", "redis.register_function{description={}}", "redis.register_function{other=1}",
    "redis.register_function{function_name='', callback=function() end}", "local s = string", "setmetatable(redis, {})",
    "redis.register_function = nil", "local t = redis.LOG_NOTICE + 1", "return redis.REDIS_VERSION_NUM + 'x'",
]
HEADS = ["", "#!lua", "#!lua\n", "#!lua name=\n", "#!lua name=a-b\n", "#!lua name=a name=b\n", "#!lua nom=a\n", "#!js name=a\n",
         "#!LUA NAME=a\n", "# name=a\n", "#!lua name=a flags=no-writes\n"]


def library(dice):
    head = dice.choice(HEADS) if dice.random() < 0.1 else f"#!lua name={dice.choice(NAMES)}\n"
    lines = ["local loading = redis", "local function helper(x) return {x, x} end"]
    for name in dice.sample(FUNCTIONS, dice.choice([0, 1, 1, 2, 3])):
        function = f"function(keys, args) {dice.choice(BODIES)} end"
        if dice.random() < 0.5:
            lines.append(f"redis.register_function('{name}', {function})")
            continue
        fields = [f"function_name='{name}'", f"callback={function}"]
        if dice.random() < 0.5:
            fields.append("description='of %s'" % name)
        if dice.random() < 0.6:
            fields.append("flags={%s}" % ", ".join(f"'{flag}'" for flag in dice.sample(FLAGS, dice.randrange(3))))
        dice.shuffle(fields)
        lines.append("redis.register_function{%s}" % ", ".join(fields))
    lines.insert(dice.randrange(len(lines) + 1), dice.choice(AT_LOAD))
    return head + "\n".join(lines)


def request(dice):
    kind = dice.random()
    if kind < 0.3:
        words = dice.choice([[], [], ["REPLACE"], ["replace"], ["OTHER"]])
        return ["FUNCTION", "LOAD", *words, library(dice)]
    if kind < 0.8:
        name = dice.choice(FUNCTIONS + ["F", "CALL", "none", ""])
        keys = [f"k{n}" for n in range(dice.choice([0, 1, 1, 1, 2]))]
        count = dice.choice([len(keys)] * 8 + [-1, 9, "x"])
        return [dice.choice(["FCALL", "FCALL_RO"]), name, count, *keys, *(["v", "w"][: dice.randrange(3)])]
    return dice.choice([
        ["FUNCTION", "LIST"], ["FUNCTION", "LIST", "WITHCODE"], ["FUNCTION", "LIST", "LIBRARYNAME", dice.choice(["*", "L*", "[ab]", "x"])],
        ["FUNCTION", "LIST", "LIBRARYNAME"], ["FUNCTION", "LIST", "withcode", "withcode"], ["FUNCTION", "STATS"], ["FUNCTION", "KILL"],
        ["FUNCTION", "DELETE", dice.choice(NAMES)], ["FUNCTION", "DELETE"], ["FUNCTION", "FLUSH", *dice.choice([[], ["SYNC"], ["x"], ["a", "b"]])],
        ["FUNCTION", "RESTORE", "x"], ["FUNCTION", "RESTORE", "x", "y"], ["FUNCTION", "RESTORE", "x", "flush", "z"], ["FUNCTION", "NONE"],
        ["EVAL", "return redis.call('function', 'list')", 0], ["DEL", "k0", "k1"],
    ])


def sorted_tree(tree):
    """Libraries and functions in the order of their names."""
    if isinstance(tree, list):
        items = [sorted_tree(item) for item in tree]
        return sorted(items, key=repr) if items and all(isinstance(item, (list, dict)) for item in items) else items
    if isinstance(tree, dict):
        return {key: sorted(value) if key == "flags" else sorted_tree(value) for key, value in tree.items()}
    return tree


def alike(tree):
    tree = sorted_tree(tree)
    if isinstance(tree, Error) and tree.startswith("ERR Function ") and tree.endswith(" already exists"):
        # Which of several is found first is a matter of their order.
        return Error("ERR Function already exists")
    return tree


def dump_of(server):
    """As bytes: the reply is not text."""
    server.send("FUNCTION", "DUMP")
    length = int(server.reader.readline()[1:])
    return server.reader.read(length + 2)[:-2]


def main():
    parser = sides.options(__doc__)
    parser.add_argument("--rounds", type=int, default=5000)
    options = parser.parse_args()
    with sides.redis_server(options.redis) as redis:
        differ = compare(options, Wire(options.dcache), Wire(redis))
    print(f"{options.rounds} requests, {differ} differ")
    raise SystemExit(1 if differ else 0)


def compare(options, dcache, redis):
    dice = random.Random(options.seed)
    differ = 0
    for server in (dcache, redis):
        server("HELLO", 3)
        server("FUNCTION", "FLUSH")
    for number in range(options.rounds):
        if dice.random() < 0.03:
            dumps = [dump_of(dcache), dump_of(redis)]
            policy = dice.choice(["APPEND", "REPLACE", "FLUSH"])
            if dice.random() < 0.5:
                dcache("FUNCTION", "FLUSH"), redis("FUNCTION", "FLUSH")
            words = ["FUNCTION", "RESTORE", "(a dump)", policy]
            # Each gets the other's.
            ours, theirs = dcache("FUNCTION", "RESTORE", dumps[1], policy), redis("FUNCTION", "RESTORE", dumps[0], policy)
            if isinstance(ours, Error) and isinstance(theirs, Error):
                # Which of several libraries is found first is a matter of their order.
                ours, theirs = ours.split()[1], theirs.split()[1]
        else:
            words = request(dice)
            ours, theirs = dcache(*words), redis(*words)
        if alike(ours) != alike(theirs):
            differ += 1
            if differ <= 20:
                print(f"{number}: {words}\n  dcache {ours!r}\n  redis  {theirs!r}")
    return differ


if __name__ == "__main__":
    main()

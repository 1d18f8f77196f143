#!/usr/bin/env python3
"""Random scripts to a dcache node and to a Redis server: every reply equal.

    tests/clients/differential_scripts.py --dcache HOST:PORT [--redis HOST:PORT] [--seed N] [--rounds N]

Values go in and out, through cjson, cmsgpack, struct and bit, and are broken on the way. Not compared: the order of a table's keys,
and how numbers that are not whole become arguments of commands (Redis 7.0 writes 17 digits, 7.2 and dcache the shortest).
"""

import random

import sides
from sides import Server


def number(dice):
    return dice.choice([
        str(dice.randrange(-200, 200)), str(dice.randrange(-2**33, 2**33)), repr(dice.uniform(-1e6, 1e6)),
        repr(dice.uniform(-1, 1) * 10 ** dice.randrange(-20, 20)), "2^53", "-2^31", "0", "1e100", "0.1", "-0.5", "1/3",
    ])


def text(dice):
    return '"' + "".join("\\%03d" % dice.randrange(256) for _ in range(dice.choice([0, 1, 3, 31, 32, 40, 300]))) + '"'


def value(dice, depth=0):
    kind = dice.randrange(8 if depth < 4 else 5)
    if kind == 0:
        return dice.choice(["true", "false", "nil"])
    if kind <= 2:
        return number(dice)
    if kind <= 4:
        return text(dice)
    if kind <= 6:
        return "{" + ",".join(value(dice, depth + 1) for _ in range(dice.randrange(5))) + "}"
    return "{[%s]=%s}" % (dice.choice([text(dice), str(dice.randrange(1, 20)), "1.5"]), value(dice, depth + 1))


def json_text(dice):
    parts = ["{", "}", "[", "]", ",", ":", '"a"', '"\\u00e9"', '"\\ud83d\\ude00"', '"\\ud800"', "1", "-1.5e3", "0x1F", "01", "+1",
             "true", "false", "null", "nul", "nan", "inf", " ", '"', "\\n", '"\\x"']
    if dice.random() < 0.5:
        return "".join(dice.choice(parts) for _ in range(dice.randrange(1, 9)))
    def whole(depth):
        kind = dice.randrange(6 if depth < 3 else 4)
        if kind < 4:
            return dice.choice(["1", "-0.25", "1e5", '"x\\ty"', "null", "true", '""'])
        if kind == 4:
            return "[" + ",".join(whole(depth + 1) for _ in range(dice.randrange(4))) + "]"
        return '{"k":' + whole(depth + 1) + "}"
    return whole(0)


def quoted(raw):
    return '"' + "".join("\\%03d" % byte for byte in raw.encode("latin1")) + '"'


def format_of(dice):
    return "".join(dice.choice(["b", "B", "h", "H", "l", "L", "i", "I", "i3", "I5", "i16", "T", "x", "f", "d", "s", "c0", "c3", "<", ">",
                                "!", "!4", " ", "!3", "q"]) for _ in range(dice.randrange(1, 6)))


def script(dice):
    kind = dice.randrange(9)
    if kind == 0:
        return f"return {value(dice)}"
    if kind == 1:
        return f"return cjson.encode({value(dice)})"
    if kind == 2:
        return f"local v = cjson.decode({quoted(json_text(dice))}) return {{type(v), v == cjson.null, cjson.encode(v)}}"
    if kind == 3:
        return f"return cmsgpack.pack({value(dice)})"
    if kind == 4:
        return f"return {{cmsgpack.unpack(cmsgpack.pack({value(dice)}, {value(dice)}))}}"
    if kind == 5:
        return f"return {{cmsgpack.unpack({text(dice)})}}"
    if kind == 6:
        args = ",".join(dice.choice([number(dice), text(dice)]) for _ in range(dice.randrange(5)))
        return f"return struct.pack('{format_of(dice)}', {args or 1})"
    if kind == 7:
        return f"return {{struct.unpack('{format_of(dice)}', {text(dice)}, {dice.choice(['1', '2', '0', 'nil', '40'])})}}"
    name = dice.choice(["band", "bor", "bxor", "lshift", "rshift", "arshift", "rol", "ror", "bnot", "bswap", "tobit", "tohex"])
    return f"return bit.{name}({number(dice)}, {dice.choice([number(dice), 'nil', text(dice)])})"


def main():
    parser = sides.options(__doc__)
    parser.add_argument("--rounds", type=int, default=5000)
    options = parser.parse_args()
    with sides.redis_server(options.redis) as redis:
        differ = compare(options, Server(options.dcache), Server(redis))
    print(f"{options.rounds} scripts, {differ} differ")
    raise SystemExit(1 if differ else 0)


def compare(options, dcache, redis):
    dice = random.Random(options.seed)
    differ = 0
    for _ in range(options.rounds):
        one = script(dice)
        ours, theirs = dcache.call("EVAL", one, 0), redis.call("EVAL", one, 0)
        if ours != theirs:
            differ += 1
            if differ <= 20:
                print(f"{one}\n  dcache {ours!r}\n  redis  {theirs!r}")
    return differ


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Clients that wait, at a Redis server and at dcache: who is served, with what, in which order, must be equal.

    tests/clients/waiting.py --dcache HOST:PORT [--redis HOST:PORT] [--seed N] [--steps N] [--resp 2|3] [--singles]

Some connections to each server say commands at random, one after the other: they wait for lists and sorted sets, push, move, rename,
run transactions, unblock each other. After each step the same clients must be waiting at both, and those that were served must have
been told the same. With --singles at most one element comes at a time, so that nodes that are told of it together cannot tell apart
which of two clients gets which: for waiting through another node's gateway.

Requests that wait for several keys wait for `{t}j…` and `{t}y…`, of which one at a time comes to have something: from 7.2 on Redis
runs a whole request again, as dcache does, so the first of its keys that has something wins and one of another kind is an error; 7.0
takes from the key that it looks at.
"""

import random
import socket
import sys
import time

import sides
from sides import Server

CLIENTS = 8
DEADLINE = 5.0


class Side:
    """All connections to one server."""

    def __init__(self, address, version):
        self.control = Server(address)
        self.clients = [Server(address) for _ in range(CLIENTS)]
        for client in self.clients:
            if version == "3":
                client.call("HELLO", 3)
        self.ids = [client.call("CLIENT", "ID")[1] for client in self.clients]
        self.control.call("FLUSHALL")

    def waiting(self):
        """Which clients wait now."""
        lines = self.control.call("CLIENT", "LIST")[1].decode().splitlines()
        blocked = {line.split(" ")[0][3:].encode() for line in lines if "b" in line.split(" flags=")[1].split(" ")[0]}
        return {index for index, id in enumerate(self.ids) if id in blocked}

    def settled(self, index, expected=None):
        """Once a client's command is answered or waits; with `expected`, once exactly those wait."""
        until = time.time() + DEADLINE
        while True:
            is_answered = self.has_reply(index)
            now = self.waiting()
            if (index in now or is_answered) and (expected is None or now == expected):
                return now
            if time.time() > until:
                return now
            time.sleep(0.002)

    def settled_waiting(self, expected):
        until = time.time() + DEADLINE
        while (now := self.waiting()) != expected and time.time() < until:
            time.sleep(0.002)
        return now

    def has_reply(self, index):
        client = self.clients[index]
        client.socket.settimeout(0.0)
        try:
            client.more()
        except (BlockingIOError, socket.timeout):
            pass
        finally:
            client.socket.settimeout(DEADLINE)
        return bool(client.buffer)


class Writer:
    def __init__(self, dice, singles):
        self.dice, self.singles = dice, singles

    def key(self, kind="l"):
        return f"{{t}}{kind}{self.dice.randrange(3)}"

    def keys(self, kind):
        return [self.key(kind) for _ in range(self.dice.randint(1, 3))]

    def items(self):
        return [f"i{self.dice.randrange(1000)}" for _ in range(1 if self.singles else self.dice.randint(1, 4))]

    def wait(self):
        end = lambda: self.dice.choice(["LEFT", "RIGHT"])
        lists = self.keys("j") if self.dice.random() < 0.5 else [self.key()]
        sets = self.keys("y") if self.dice.random() < 0.5 else [self.key("z")]
        count = [] if self.dice.random() < 0.5 else ["COUNT", str(self.dice.randint(1, 3))]
        return self.dice.choice([
            ["BLPOP"] + lists + ["0"], ["BRPOP"] + lists + ["0"], ["BLMOVE", self.key(), self.key(), end(), end(), "0"],
            ["BRPOPLPUSH", self.key(), self.key(), "0"], ["BLMPOP", "0", str(len(lists))] + lists + [end()] + count,
            ["BZPOPMIN"] + sets + ["0"], ["BZPOPMAX"] + sets + ["0"],
            ["BZMPOP", "0", str(len(sets))] + sets + [self.dice.choice(["MIN", "MAX"])] + count,
            ["BLPOP"] + lists + ["0.03"], ["BLMOVE", self.key(), self.key(), end(), end(), "0.03"], ["BZPOPMIN"] + sets + ["0.03"],
            ["BLPOP", self.key("m"), "0"], ["BRPOPLPUSH", self.key(), self.key("m"), "0"], ["BZMPOP", "0", "1", self.key("m"), "MIN"],
            ["BLPOP"] + lists + [self.dice.choice(["x", "-1", "1e15", "", "-1e9", "0y"])] if self.dice.random() < 0.3 else ["PING"],
        ])

    def act(self, alone=True):
        scored = [word for item in self.items() for word in (str(self.dice.randrange(9)), item)]
        return self.dice.choice([
            ["LPUSH", self.key()] + self.items(), ["RPUSH", self.key()] + self.items(), ["RPUSH", self.key()] + self.items(),
            ["ZADD", self.key("z")] + scored, ["ZADD", self.key("z")] + scored,
            ["RENAME", self.key(), self.key()], ["COPY", self.key(), self.key(), "REPLACE"], ["LMOVE", self.key(), self.key(), "LEFT", "LEFT"],
            ["SORT", self.key(), "ALPHA", "STORE", self.key()], ["ZUNIONSTORE", self.key("z"), "1", self.key("z")],
            ["DEL", self.key(), self.key("z")], ["SET", self.key("m"), "x"], ["DEL", self.key("m")],
            ["RPUSH", self.key("m")] + self.items(), ["ZADD", self.key("m")] + scored, ["LPOP", self.key()], ["ZPOPMIN", self.key("z")],
            ["LRANGE", self.key(), "0", "-1"], ["SPLIT"], ["UNBLOCK"], ["UNBLOCK"],
        ] + [["RPUSH", self.key("j")] + self.items(), ["LPUSH", self.key("j")] + self.items(), ["ZADD", self.key("y")] + scored] * alone)

    def transaction(self):
        body = []
        for _ in range(1 if self.singles else self.dice.randint(1, 4)):
            command = self.wait() if self.dice.random() < 0.3 else self.act(alone=False)
            if command[0] not in ("SPLIT", "UNBLOCK", "PING"):
                body.append(command)
        return [["MULTI"]] + body + [["EXEC"]]


def play(options, version):
    dice = random.Random(f"{options.seed}/{version}")
    writer = Writer(dice, options.singles)
    sides = [Side(options.redis, version), Side(options.dcache, version)]
    waiting, history = set(), []
    for step in range(options.steps):
        free = [index for index in range(CLIENTS) if index not in waiting]
        # Two stay free to push.
        may_wait = len(free) > 2
        index = dice.choice(free)
        if may_wait and dice.random() < 0.5:
            commands = [writer.wait()]
        elif dice.random() < 0.2:
            commands = writer.transaction()
        else:
            commands = [writer.act()]
        if commands == [["SPLIT"]]:
            commands = writer.transaction()
        targets = [[command for command in commands] for _ in sides]
        if commands == [["UNBLOCK"]]:
            target, how = dice.randrange(CLIENTS), dice.choice([[], ["TIMEOUT"], ["ERROR"]])
            targets = [[["CLIENT", "UNBLOCK", side.ids[target].decode()] + how] for side in sides]
        history.append((index, commands))
        for side, said in zip(sides, targets):
            side.clients[index].send([[word.encode() for word in command] for command in said])
        replies = [[], []]
        now = None
        for place, side in enumerate(sides):
            if len(commands) > 1:
                replies[place].append((index, [side.clients[index].value() for _ in commands]))
            is_short = len(commands) == 1 and commands[0][-1] == "0.03"
            if len(commands) == 1:
                settled = side.settled(index, now)
            else:
                settled = side.waiting() if now is None else side.settled_waiting(now)
            if place == 0 and is_short and index in settled:
                # It waits for a moment only; Redis looks at its clock ten times a second.
                settled = side.settled_waiting(settled - {index})
            now = settled if now is None else now
            if settled != now:
                return differ(options, version, step, history, f"waiting {sorted(now)} and {sorted(settled)}")
            for other in sorted((waiting | {index}) - now):
                if other == index and len(commands) > 1:
                    continue
                replies[place].append((other, side.clients[other].value()))
        if replies[0] != replies[1]:
            return differ(options, version, step, history, f"\n   redis {replies[0]!r:.600}\n  dcache {replies[1]!r:.600}")
        waiting = now
    print(f"seed {options.seed}, RESP{version}: {options.steps} steps, no difference")
    return 0


def differ(options, version, step, history, text):
    print(f"seed {options.seed}, RESP{version}, step {step}: {text}")
    last = {index: commands for index, commands in history}
    print(f"      waited: {[(index, ' '.join(last[index][-1])) for index in sorted(last)]}")
    for index, commands in history[-14:]:
        print(f"      client {index}: {'; '.join(' '.join(command) for command in commands)[:200]}")
    return 1


def main():
    parser = sides.options(__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--resp", default="2,3")
    parser.add_argument("--singles", action="store_true")
    options = parser.parse_args()
    with sides.redis_server(options.redis) as options.redis:
        found = sum(play(options, version) for version in options.resp.split(","))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()

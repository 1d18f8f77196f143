#!/usr/bin/env python3
"""Memory and CPU of small collections, of servers side by side.

    tests/bench/collections.py [--count N] [--requests N] [--rounds N] [--pin] [--parts memory,cpu] NAME=COMMAND …

COMMAND starts a server in the foreground; `{port}`, `{dir}` and `{other}` (the first of some more free ports) are filled in.
Memory is what a fresh process has more in memory after N collections of a shape than before; CPU is the server's own time for
each request at a pipeline of 16 over 50 connections of one client thread (redis-benchmark), keys at random of 100,000; with --pin
server and client have a core each.
"""

import argparse
import os
import random
import shlex
import socket
import subprocess
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")


def request(*words):
    out = b"*%d\r\n" % len(words)
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        out += b"$%d\r\n%s\r\n" % (len(word), word)
    return out


def text(dice, length):
    return bytes(dice.choices(b"abcdefghijklmnopqrstuvwxyz0123456789", k=length))


SHAPES = {
    "hash of 10 fields of 10 + 20 B": lambda dice, key: request("HSET", key, *[w for _ in range(10) for w in (text(dice, 10), text(dice, 20))]),
    "set of 16 members of 12 B": lambda dice, key: request("SADD", key, *[text(dice, 12) for _ in range(16)]),
    "sorted set of 32 members of 12 B": lambda dice, key: request("ZADD", key, *[w for _ in range(32) for w in (dice.randrange(1_000_000), text(dice, 12))]),
    "list of 32 items of 20 B": lambda dice, key: request("RPUSH", key, *[text(dice, 20) for _ in range(32)]),
}

COMMANDS = {
    "HSET": ["hset", "h:__rand_int__", "f3", "some value of 20 B.."],
    "HGET": ["hget", "h:__rand_int__", "f3"],
    "ZADD": ["zadd", "z:__rand_int__", "__rand_int__", "m7"],
    "ZRANGE of 10": ["zrange", "z:__rand_int__", "0", "9"],
    "LPUSH": ["lpush", "l:__rand_int__", "an item of twenty B."],
    "RPOP": ["rpop", "l:__rand_int__"],
    "SADD": ["sadd", "s:__rand_int__", "member:00007"],
    "XADD": ["xadd", "x:__rand_int__", "*", "field", "a value of some 20 B"],
}

FILL = {
    "h": lambda dice, key: request("HSET", key, *[w for n in range(10) for w in (f"f{n}", text(dice, 20))]),
    "z": lambda dice, key: request("ZADD", key, *[w for n in range(32) for w in (dice.randrange(100_000), f"m{n}")]),
    "l": lambda dice, key: request("RPUSH", key, *[text(dice, 20) for _ in range(32)]),
    "s": lambda dice, key: request("SADD", key, *[f"member:{n:05}" for n in range(16)]),
    "x": lambda dice, key: request("XADD", key, "*", "field", text(dice, 20)),
}


class Server:
    def __init__(self, command, core=None):
        self.home = tempfile.mkdtemp()
        self.port = free_port()
        filled = command.format(port=self.port, dir=self.home, other=free_port(), another=free_port(), third=free_port())
        self.process = subprocess.Popen(on_core(core, shlex.split(filled)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                self.socket = socket.create_connection(("127.0.0.1", self.port))
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"{filled} does not listen")

    def send(self, requests):
        """Sends requests of which each has a short reply; in batches."""
        batch, waiting = bytearray(), 0
        for one in requests:
            batch += one
            waiting += 1
            if waiting == 500:
                self.flush(batch, waiting)
                batch, waiting = bytearray(), 0
        if waiting:
            self.flush(batch, waiting)

    def flush(self, batch, waiting):
        self.socket.sendall(batch)
        while waiting > 0:
            data = self.socket.recv(1 << 16)
            waiting -= data.count(b"\r\n")

    def resident(self):
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * 4096

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def end(self):
        self.process.terminate()
        self.process.wait()


def on_core(core, words):
    return words if core is None else ["taskset", "-c", str(core)] + words


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="+")
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--requests", type=int, default=600_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pin", action="store_true")
    parser.add_argument("--parts", default="memory,cpu")
    options = parser.parse_args()
    servers = dict(server.split("=", 1) for server in options.servers)
    if "memory" in options.parts:
        print(f"bytes of resident memory a collection, {options.count} of each")
        for name, make in SHAPES.items():
            row = []
            for command in servers.values():
                dice = random.Random(7)
                server = Server(command)
                time.sleep(0.5)
                before = server.resident()
                server.send(make(dice, f"key:{number:012}") for number in range(options.count))
                time.sleep(0.5)
                row.append((server.resident() - before) / options.count)
                server.end()
            print(f"{name:36}", "  ".join(f"{server} {bytes:8.1f}" for server, bytes in zip(servers, row)))
    if "cpu" in options.parts:
        print("µs of CPU a request, pipeline 16")
        times = {name: {server: [] for server in servers} for name in COMMANDS}
        for _ in range(options.rounds):
            for server_name, command in servers.items():
                server = Server(command, core=0 if options.pin else None)
                dice = random.Random(7)
                for prefix, make in FILL.items():
                    server.send(make(dice, f"{prefix}:{number:012}") for number in range(100_000))
                for name, words in COMMANDS.items():
                    before = server.cpu()
                    subprocess.run(on_core(1 if options.pin else None, ["redis-benchmark", "-p", str(server.port), "-n", str(options.requests), "-P", "16", "-c", "50", "-r", "100000", "-q"] + words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
                    times[name][server_name].append((server.cpu() - before) / options.requests * 1e6)
                server.end()
        for name, row in times.items():
            medians = [sorted(row[server])[len(row[server]) // 2] for server in servers]
            print(f"{name:14}", "  ".join(f"{server} {time:6.2f}" for server, time in zip(servers, medians)))


if __name__ == "__main__":
    main()

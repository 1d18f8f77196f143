#!/usr/bin/env python3
"""What a server does with its memory: resident bytes against its limit while the values' sizes shift, and how soon expired
keys' memory can be used again. Python 3 alone. Not here: throughput, CPU per request, hit ratios.

    memory.py shifts [--limit-mib 256] [--policy-change 'COMMAND'] -- COMMAND that starts a server on {port}
    memory.py expiry [--keys 1000000] [--ttl 10] -- COMMAND ...

In COMMAND, {port} is a free port, {control} another, {dir} a scratch directory, {mem} the limit in MiB; in the command of
--policy-change likewise. `shifts` writes 4 M values of 100 B, then 4 KiB values, then a random mix of 50 B to 64 KiB (the
last two three times the limit each), runs the policy change, writes the mix once more, and tells at each end what is stored,
found by SCAN and STRLEN, beside the highest resident memory of the phase. Keys and sizes come from a fixed seed."""

import argparse
import os
import random
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

MIB = 1 << 20
BATCH = 64


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Client:
    """One connection, RESP2, pipelined."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.reader = self.socket.makefile("rb", buffering=1 << 20)

    def read(self):
        line = self.reader.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest
        if kind == b"$":
            return None if rest == b"-1" else self.reader.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        raise RuntimeError(f"no reply: {line!r}")

    def pipeline(self, commands):
        self.socket.sendall(b"".join(encode(command) for command in commands))
        return [self.read() for _ in commands]

    def call(self, *command):
        return self.pipeline([command])[0]


def encode(parts):
    parts = [p if isinstance(p, bytes) else str(p).encode() for p in parts]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


class Server:
    def __init__(self, command, limit_mib):
        self.dir = tempfile.mkdtemp(prefix="memory-bench-")
        self.names = {"port": free_port(), "control": free_port(), "dir": self.dir, "mem": limit_mib}
        self.process = subprocess.Popen(shlex.split(command.format(**self.names)), stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, cwd=self.dir)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.client = Client(self.names["port"])
                self.client.call("PING")
                break
            except (OSError, RuntimeError):
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise SystemExit(f"the server does not answer: {command}")
                time.sleep(0.05)
        self.peak = 0
        self.stopping = False
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()

    def resident(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))

    def watch(self):
        while not self.stopping:
            self.peak = max(self.peak, self.resident())
            time.sleep(0.01)

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def info(self, field):
        for line in self.client.call("INFO", "memory").split(b"\r\n"):
            if line.startswith(field.encode() + b":"):
                return int(line.split(b":")[1])
        raise SystemExit(f"INFO memory has no {field}")

    def stop(self):
        self.stopping = True
        self.watcher.join()
        self.process.terminate()
        self.process.wait(timeout=30)
        shutil.rmtree(self.dir, ignore_errors=True)


def stored_bytes(client):
    """Keys and values held, by walking them."""
    cursor, items, total = 0, 0, 0
    while True:
        cursor, keys = client.call("SCAN", cursor, "COUNT", 1000)
        cursor = int(cursor)
        lengths = client.pipeline([("STRLEN", key) for key in keys])
        items += len(keys)
        total += sum(len(key) for key in keys) + sum(lengths)
        if cursor == 0:
            return items, total


def write(server, prefix, sizes):
    """Writes values of these sizes under keys of their own."""
    noise = random.Random(7).randbytes(128 << 10)
    batch, number = [], 0
    for size in sizes:
        start = number * 31 % 4096
        batch.append((b"%s:%08d" % (prefix, number), noise[start : start + size]))
        number += 1
        if len(batch) == BATCH:
            server.client.pipeline([("SET", *pair) for pair in batch])
            batch.clear()
    server.client.pipeline([("SET", *pair) for pair in batch])


def mix(rng, total):
    done = 0
    while done < total:
        size = rng.randint(50, 64 << 10)
        done += size
        yield size


def shifts(args):
    limit = args.limit_mib * MIB
    server = Server(args.command, args.limit_mib)
    rng = random.Random(11)

    def change_and_mix():
        if args.policy_change:
            subprocess.run(shlex.split(args.policy_change.format(**server.names)), check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        write(server, b"d", mix(rng, limit))

    phases = [
        ("4 M writes of 100 B", lambda: write(server, b"a", (100 for _ in range(4_000_000)))),
        ("4 KiB", lambda: write(server, b"b", (4096 for _ in range(3 * limit // 4096)))),
        ("50 B to 64 KiB", lambda: write(server, b"c", mix(rng, 3 * limit))),
        ("policy changed", change_and_mix),
    ]
    allowed = limit * 1.03 + 24 * MIB
    print(f"limit {args.limit_mib} MiB, allowed resident {allowed / MIB:.1f} MiB")
    print(f"{'phase':>20} {'items':>9} {'stored MiB':>10} {'of limit':>8} {'peak RSS MiB':>12}")
    is_good = True
    for name, run in phases:
        server.peak = 0
        run()
        peak = max(server.peak, server.resident())
        items, stored = stored_bytes(server.client)
        is_good &= peak <= allowed and stored >= 0.78 * limit
        print(f"{name:>20} {items:>9} {stored / MIB:>10.1f} {stored / limit:>8.1%} {peak / MIB:>12.1f}", flush=True)
    server.stop()
    print("within the bounds" if is_good else "NOT within the bounds (resident as allowed, stored 78 % of the limit)")
    return 0 if is_good else 1


def expiry(args):
    server = Server(args.command, 1024)
    before = server.info("used_memory")
    began = time.monotonic()
    for start in range(0, args.keys, BATCH):
        numbers = range(start, min(start + BATCH, args.keys))
        server.client.pipeline([("SET", f"k:{n:08d}", b"v" * 100, "EX", args.ttl) for n in numbers])
    last_expiry = time.monotonic() + args.ttl
    full = server.info("used_memory") - before
    print(f"{args.keys} keys written in {last_expiry - args.ttl - began:.1f} s, {full / MIB:.1f} MiB used")
    first_expiry = began + args.ttl
    time.sleep(max(0.0, first_expiry - time.monotonic()))
    cpu, at = server.cpu_seconds(), time.monotonic()
    reached = None
    while time.monotonic() < last_expiry + 20:
        left = server.info("used_memory") - before
        if left <= full * 0.01:
            reached = time.monotonic()
            break
        time.sleep(0.05)
    cpu, span = server.cpu_seconds() - cpu, time.monotonic() - at
    if reached is None:
        print(f"after 20 s {left / full:.1%} of the memory is still taken")
    else:
        print(f"99 % of it reusable {max(0.0, reached - last_expiry):.2f} s after the last key's expiry")
    print(f"{cpu / span:.1%} of a core over {span:.1f} s of sweeping, the questions of this script among it; "
          f"{server.client.call('DBSIZE')} keys left")
    server.stop()
    return 0 if reached is not None and reached - last_expiry <= 5 and cpu / span < 0.10 else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(dest="mode", required=True)
    one = modes.add_parser("shifts")
    one.add_argument("--limit-mib", type=int, default=256)
    one.add_argument("--policy-change")
    two = modes.add_parser("expiry")
    two.add_argument("--keys", type=int, default=1_000_000)
    two.add_argument("--ttl", type=int, default=10)
    for mode in (one, two):
        mode.add_argument("command", help="starts the server; quote it")
    args = parser.parse_args()
    return {"shifts": shifts, "expiry": expiry}[args.mode](args)


if __name__ == "__main__":
    sys.exit(main())

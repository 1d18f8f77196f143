#!/usr/bin/env python3
"""What a full sync takes from the nodes that serve meanwhile: memory on both sides, and the latency of other requests. Python 3.
Not here: what copies cost without faults (copies.py).

    sync.py [--gib 2] [--value 4096] [--rate 2000] PATH_TO_DCACHE

Three nodes of a local cluster with one further copy; data is written until a node holds --gib of it, its own and its copies. A client
writes and reads at a fixed rate through the gateways of two nodes all the time. The third node is killed and started again: it gets
everything anew. Half-way it is killed once more and started again. Printed for the quiet time before and for each sync: how long it
took, the resident memory of each node at its highest beyond what it was before (of the one that is filled: beyond what it is in
the end), and p50 and p99 of the client's requests, of those that went to keys the other two nodes served all the time."""

import argparse
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from copies import Cluster, Wire  # noqa: E402

MIB = 1 << 20


def resident(pid):
    try:
        for line in open(f"/proc/{pid}/status"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


class Load(threading.Thread):
    """Requests at a fixed rate, each timed from when it was due."""

    def __init__(self, address, prefix, rate, value, number):
        super().__init__(daemon=True)
        self.wire, self.prefix, self.rate, self.value = Wire(address), prefix, rate, value
        self.dice, self.times, self.is_over = random.Random(number), [], False
        self.errors = 0

    def run(self):
        due = time.perf_counter()
        while not self.is_over:
            due += 1 / self.rate
            while (wait := due - time.perf_counter()) > 0:
                time.sleep(wait)
            key = f"{self.prefix}{self.dice.randrange(10_000)}"
            try:
                self.wire.ask("SET", key, self.value) if self.dice.random() < 0.5 else self.wire.ask("GET", key)
            except RuntimeError:
                self.errors += 1
                continue
            self.times.append((time.time(), time.perf_counter() - due))

    def between(self, begin, end):
        return [took for at, took in self.times if begin <= at < end]


def quantiles(times):
    times = sorted(times)
    pick = lambda part: times[min(len(times) - 1, int(len(times) * part))] * 1000 if times else float("nan")
    return f"p50 {pick(0.5):.2f} ms, p99 {pick(0.99):.2f} ms, p99.9 {pick(0.999):.2f} ms of {len(times)}"


class Watch(threading.Thread):
    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids, self.peaks, self.is_over = pids, [0] * len(pids), False

    def run(self):
        while not self.is_over:
            self.peaks = [max(peak, resident(pid)) for peak, pid in zip(self.peaks, self.pids)]
            time.sleep(0.01)


def fill(cluster, bytes_total, value):
    """Writes until the cluster holds so many bytes, not counting copies."""
    wires = {door: Wire(door) for door in (node["addresses"]["gateway"] for node in cluster.status()["nodes"])}
    wire = next(iter(wires.values()))
    text = os.urandom(value // 2).hex().encode()
    count = bytes_total // (value + 16)
    for start in range(0, count, 64):
        batch = b"".join(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(key), key, len(text), text)
                         for key in (b"e:fill:%d" % n for n in range(start, min(start + 64, count))))
        wire.socket.sendall(batch)
        due = 5 * min(64, count - start)
        while due > 0:
            reply = wire.socket.recv(65536)
            if reply[:1] == b"-":
                raise RuntimeError(reply.decode())
            due -= len(reply)
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gib", type=float, default=2.0)
    parser.add_argument("--value", type=int, default=4096)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("dcache")
    args = parser.parse_args()
    memory = int(args.gib * 1.5 * 1024) + 512
    with Cluster(args.dcache, memory=f"{memory}MiB") as cluster:
        # Of three nodes with two copies of everything, each holds two thirds.
        count = fill(cluster, int(args.gib * 1.5 * (1 << 30)), args.value)
        print(f"{count} entries of {args.value} B; resident MiB", [resident(pid) // MIB for pid in cluster.pids()])
        doors = [node["addresses"]["gateway"] for node in cluster.status()["nodes"]]
        # A key's slot is that of its tag: of a slot that each of the first two serves.
        tags = []
        for door in [node["addresses"]["cluster"] for node in cluster.status()["nodes"]][:2]:
            wire = Wire(door)
            tags.append(next(n for n in range(10_000) if is_own(wire, f"e:{{{n}}}")))
        loads = [Load(door, f"e:{{{tag}}}", args.rate, "x" * 100, n) for n, (door, tag) in enumerate(zip(doors, tags))]
        for load in loads:
            load.start()
        time.sleep(1)
        begin = time.time()
        time.sleep(10)
        print("quiet:", quantiles([took for load in loads for took in load.between(begin, time.time())]))
        for what, stop_at in (("killed half-way", 0.5), ("whole", None)):
            sync(cluster, loads, what, stop_at)
        for load in loads:
            load.is_over = True
        print("errors of the client:", sum(load.errors for load in loads))
        digest = {name: keys_of(cluster, name) for name in ("n1", "n2", "n3")}
        print("keys served:", digest)
    return 0


def is_own(wire, key):
    try:
        wire.ask("GET", key)
        return True
    except RuntimeError:
        return False


def keys_of(cluster, name):
    node = next(node for node in cluster.status()["nodes"] if node["name"] == name)
    return int(Wire(node["addresses"]["cluster"]).ask("DBSIZE")[1:].split()[0])


def sync(cluster, loads, what, stop_at):
    victim = next(node for node in cluster.nodes if node["name"] == "n3")
    os.kill(victim["pid"], 9)
    while any(node["state"] == "up" for node in cluster.status()["nodes"] if node["name"] == "n3"):
        time.sleep(0.05)
    time.sleep(2)
    others = [node["pid"] for node in cluster.nodes if node["name"] != "n3"]
    before = [resident(pid) for pid in others]
    full = max(before)
    cluster.nodes = cluster.run_json("cluster", "init", "--local", "3", "--name", "bench")["nodes"]
    victim = next(node for node in cluster.nodes if node["name"] == "n3")
    watch = Watch(others + [victim["pid"]])
    watch.start()
    begin = time.time()
    if stop_at is not None:
        while resident(victim["pid"]) < stop_at * full:
            time.sleep(0.02)
        print(f"{what}: {resident(victim['pid']) // MIB} MiB after {time.time() - begin:.1f} s")
    else:
        cluster.wait_until_healthy(600)
        end = time.time()
        time.sleep(1)
        last = resident(victim["pid"])
        extra = [peak - was for peak, was in zip(watch.peaks, before)] + [watch.peaks[-1] - last]
        print(f"{what}: {last / MIB:.0f} MiB in {end - begin:.1f} s = {last / MIB / (end - begin):.0f} MiB/s; "
              f"extra memory MiB: {[round(more / MIB, 1) for more in extra]}, the last one is filled")
        print("during it:", quantiles([took for load in loads for took in load.between(begin, end)]))
    watch.is_over = True


if __name__ == "__main__":
    sys.exit(main())

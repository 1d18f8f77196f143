#!/usr/bin/env python3
"""What it takes to move partitions between nodes that serve meanwhile: speed and memory, the latency of clients, and how long one
key waits when its partition changes hands. Python 3. Not here: full syncs after a loss (sync.py), what copies cost (copies.py),
whether anything is lost or wrong (tests/moves).

    moves.py speed   [--gib 4] [--value 4096] [--copies 1] PATH_TO_DCACHE
    moves.py latency [--gib 1] [--rounds 3] [--rate 1000] [--copies 1] PATH_TO_DCACHE
    moves.py pause   [--rounds 5] [--copies 1] PATH_TO_DCACHE

`speed`: a node holds everything with --copies 0, two with --copies 1; a further one is added as fast as it can (16 moves at once, no
bounds), so that half of --gib (a third of the copies) moves over loopback. Printed: MiB a second of what the newcomer holds after,
and of each node its resident memory at the highest beyond the larger of before and after.
`latency`: clients at a fixed rate through the first nodes' gateways, each request timed from when it was due; a node is added and
drained in turn at the pace that operations have by default. Printed: p50 and p99 before and during, and their ratio, as medians.
`pause`: one key is written in a closed loop through a gateway and through its cluster door, while its partition moves there and
back: the longest write of each, beside the longest of as long a time without a move."""

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from copies import Wire  # noqa: E402
from sync import MIB, Watch, resident  # noqa: E402

FAST = {"rateBytes": 0, "movesAtOnce": 16, "guardP99Us": 0}
DEFAULT = {}


class Cluster:
    """Nodes of a home of their own, as many as are asked for, of which the first are formed into a cluster."""

    def __init__(self, dcache, formed, copies, memory):
        self.dcache, self.memory = os.path.realpath(dcache), memory
        self.home = tempfile.mkdtemp(prefix="moves-bench-")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("DCACHE_")}
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
            self.environment[name] = os.path.join(self.home, name.lower())
        self.nodes = {}
        try:
            for number in range(1, formed + 1):
                self.start(f"n{number}")
            spec = {"name": "bench", "copies": copies,
                    "nodes": [{"peers": node["addresses"]["peers"]} for node in self.nodes.values()]}
            self.call("POST", "/v1/cluster/init", {"spec": spec})
            self.wait_until_healthy()
        except BaseException:
            self.close()
            raise

    def start(self, name, join=None):
        log = os.path.join(self.home, f"{name}.log")
        doors = [word for door in ("--gateway", "--listen", "--control", "--peers") for word in (door, "127.0.0.1:0")]
        joins = ["--join", join] if join else []
        process = subprocess.Popen([self.dcache, "node", "start", "--name", name, "--log-format", "text", "--memory", self.memory,
                                    *doors, *joins], env=self.environment, stdout=subprocess.DEVNULL, stderr=open(log, "w"))
        self.nodes[name] = {"process": process, "pid": process.pid}
        while "node ready" not in (text := open(log).read()):
            if process.poll() is not None:
                raise RuntimeError(text)
            time.sleep(0.01)
        control = next(line.split()[line.split().index("control") + 1] for line in text.splitlines() if "control" in line.split())
        self.nodes[name]["control"] = control.removeprefix("http://")
        self.nodes[name]["addresses"] = self.call("GET", "/v1/node", of=name)["addresses"]

    def join(self, name):
        self.start(name, join=self.nodes["n1"]["addresses"]["peers"])
        while not any(node["name"] == name and node["reachable"] for node in self.status()["nodes"]):
            time.sleep(0.05)

    def call(self, method, path, body=None, of="n1"):
        request = urllib.request.Request(f"http://{self.nodes[of]['control']}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        try:
            return json.loads(urllib.request.urlopen(request, timeout=30).read())
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.read().decode()}") from error

    def status(self):
        return self.call("GET", "/v1/cluster")

    def wait_until_healthy(self, within=120):
        deadline = time.monotonic() + within
        while (status := self.status())["health"] != "healthy":
            if time.monotonic() > deadline:
                raise RuntimeError(f"the cluster does not get healthy: {status['findings']}")
            time.sleep(0.02)

    def plan(self, kind, *names):
        answer = self.call("POST", "/v1/plan", {"kind": kind, "nodes": names})
        # What the envelope adds is none of the plan.
        return {name: value for name, value in answer.items() if name not in ("apiVersion", "kind", "warnings")}

    def operate(self, kind, *names, pace=DEFAULT):
        """The plan that was carried out, and how long it took."""
        plan = self.plan(kind, *names)
        begun = time.monotonic()
        operation = self.call("POST", "/v1/operations", {"plan": plan, "pace": pace})
        # Each look asks every node for its figures: as often as a person's would.
        while (now := self.call("GET", f"/v1/operations/{operation['id']}"))["state"] == "running":
            time.sleep(0.2)
        if now["state"] != "done":
            raise RuntimeError(str(now))
        return plan, time.monotonic() - begun

    def gateways(self, *names):
        return [self.nodes[name]["addresses"]["gateway"] for name in names]

    def close(self):
        for node in self.nodes.values():
            node["process"].send_signal(signal.SIGKILL)
            node["process"].wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def fill(cluster, bytes_total, value):
    """Writes so many bytes, not counting copies, keys over all partitions."""
    wire = Wire(cluster.gateways("n1")[0])
    text = os.urandom(value // 2).hex().encode()
    count = int(bytes_total) // (value + 16)
    for start in range(0, count, 64):
        some = range(start, min(start + 64, count))
        wire.socket.sendall(b"".join(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(key), key, len(text), text)
                                     for key in (b"fill:%d" % n for n in some)))
        due = 5 * len(some)
        while due > 0:
            reply = wire.socket.recv(65536)
            if b"-" in reply:
                raise RuntimeError(reply.decode())
            due -= len(reply)
    return count


def speed(args):
    formed = 1 + args.copies
    memory = f"{int(args.gib * 1024 * 1.2) + 512}MiB"
    with Cluster(args.dcache, formed, args.copies, memory) as cluster:
        count = fill(cluster, args.gib * (1 << 30), args.value)
        cluster.wait_until_healthy()
        newcomer = f"n{formed + 1}"
        cluster.join(newcomer)
        time.sleep(2)
        names = sorted(cluster.nodes)
        pids = [cluster.nodes[name]["pid"] for name in names]
        before = [resident(pid) for pid in pids]
        watch = Watch(pids)
        watch.start()
        plan, took = cluster.operate("add", newcomer, pace=FAST)
        peaks = list(watch.peaks)
        cluster.wait_until_healthy()
        # Pages that are free go back to the system a little at a time.
        time.sleep(10)
        watch.is_over = True
        after = [resident(pid) for pid in pids]
        moved = plan["bytes"]
        print(f"{count} entries of {args.value} B, {args.copies} further copies: {len(plan['moves'])} moves, {moved / MIB:.0f} MiB in "
              f"{took:.2f} s = {moved / MIB / took:.0f} MiB/s")
        for place, name in enumerate(names):
            extra = peaks[place] - max(before[place], after[place])
            print(f"  {name}: resident MiB before {before[place] / MIB:.0f}, peak {peaks[place] / MIB:.0f}, after "
                  f"{after[place] / MIB:.0f}; beyond the data {extra / MIB:.0f}")
        total = sum(int(Wire(cluster.nodes[name]["addresses"]["cluster"]).ask("DBSIZE")[1:].split()[0]) for name in names)
        print(f"  keys after: {total}" + ("" if total == count else f", NOT {count}"))


class Load(threading.Thread):
    """Requests at a fixed rate, each timed from when it was due."""

    def __init__(self, address, rate, number):
        super().__init__(daemon=True)
        self.wire, self.rate = Wire(address), rate
        self.dice, self.times, self.errors, self.is_over = random.Random(number), [], [], False

    def run(self):
        due = time.perf_counter()
        while not self.is_over:
            due += 1 / self.rate
            while (wait := due - time.perf_counter()) > 0:
                time.sleep(wait)
            key = f"load:{self.dice.randrange(10_000)}"
            try:
                self.wire.ask("SET", key, "x" * 100) if self.dice.random() < 0.5 else self.wire.ask("GET", key)
            except RuntimeError as error:
                self.errors.append(str(error).strip())
            self.times.append((time.time(), time.perf_counter() - due))


def stop(clients):
    """Before the nodes go."""
    for client in clients:
        client.is_over = True
    for client in clients:
        client.join()


def quantile(times, part):
    return sorted(times)[min(len(times) - 1, int(len(times) * part))] * 1000


def latency(args):
    memory = f"{int(args.gib * 1024) + 512}MiB"
    with Cluster(args.dcache, 3, args.copies, memory) as cluster:
        fill(cluster, args.gib * (1 << 30), args.value)
        cluster.join("n4")
        loads = [Load(door, args.rate, number) for number, door in enumerate(cluster.gateways("n1", "n2"))]
        for load in loads:
            load.start()
        between = lambda begin, end: [took for load in loads for at, took in load.times if begin <= at < end]
        rows, ratios = [], []
        for turn in range(args.rounds):
            time.sleep(3)
            quiet = time.time()
            time.sleep(10)
            begin = time.time()
            plan, took = cluster.operate("drain" if turn % 2 else "add", "n4")
            end = time.time()
            before, during = between(quiet, begin), between(begin, end)
            ratios.append(quantile(during, 0.99) / quantile(before, 0.99))
            rows.append((quantile(before, 0.5), quantile(before, 0.99), quantile(during, 0.5), quantile(during, 0.99)))
            print(f"{plan['operation']}: {len(plan['moves'])} moves, {plan['bytes'] / MIB:.0f} MiB in {took:.1f} s; p50, p99 before "
                  f"{rows[-1][0]:.2f}, {rows[-1][1]:.2f} ms; during {rows[-1][2]:.2f}, {rows[-1][3]:.2f} ms; ratio {ratios[-1]:.2f}")
            cluster.wait_until_healthy()
        medians = [statistics.median(column) for column in zip(*rows)]
        print(f"medians: p50, p99 before {medians[0]:.2f}, {medians[1]:.2f} ms; during {medians[2]:.2f}, {medians[3]:.2f} ms; "
              f"ratio {statistics.median(ratios):.2f}")
        stop(loads)
        errors = Counter(error for load in loads for error in load.errors)
        print(f"{errors.total()} errors of {sum(len(load.times) for load in loads)} requests")
        for text, count in errors.most_common():
            print(f"  {count} times: {text}")


class Pause(threading.Thread):
    """Writes one key as fast as it is answered, following redirects."""

    def __init__(self, cluster, address, key):
        super().__init__(daemon=True)
        self.cluster, self.address, self.key, self.times, self.redirects, self.is_over = cluster, address, key, [], 0, False

    def run(self):
        wires = {self.address: Wire(self.address)}
        while not self.is_over:
            begun = time.perf_counter()
            while True:
                try:
                    wires[self.address].ask("SET", self.key, "v")
                    break
                except RuntimeError as error:
                    if "MOVED" not in str(error):
                        raise
                    self.redirects += 1
                    self.address = str(error).split()[2]
                    wires.setdefault(self.address, Wire(self.address))
            self.times.append((time.time(), time.perf_counter() - begun))

    def longest(self, begin, end):
        return max(took for at, took in self.times if begin <= at < end) * 1000


def pause(args):
    with Cluster(args.dcache, 3, args.copies, "512MiB") as cluster:
        fill(cluster, 64 * MIB, 1000)
        cluster.join("n4")
        # What changes hands for certain: all that n1 serves when it is drained.
        key = next(key for key in (f"key:{n}" for n in range(100_000)) if is_own(cluster, "n1", key))
        clients = {"gateway": Pause(cluster, cluster.gateways("n2")[0], key),
                   "cluster": Pause(cluster, cluster.nodes["n1"]["addresses"]["cluster"], key)}
        for client in clients.values():
            client.start()
        cluster.operate("add", "n4")
        rows = {name: [] for name in clients}
        for turn in range(args.rounds):
            kind = "add" if turn % 2 else "drain"
            time.sleep(1)
            begin = time.time()
            plan, took = cluster.operate(kind, "n1")
            end = time.time()
            time.sleep(end - begin)
            moves = len(plan["moves"])
            for name, client in clients.items():
                during, quiet = client.longest(begin, end), client.longest(end, time.time())
                rows[name].append(during)
                print(f"{kind} of n1, {moves} moves in {took:.1f} s, {name}: longest write {during:.1f} ms, without a move {quiet:.1f} ms")
            cluster.wait_until_healthy()
        stop(clients.values())
        for name, row in rows.items():
            print(f"{name}: median of the longest writes {statistics.median(row):.1f} ms, longest {max(row):.1f} ms")


def is_own(cluster, name, key):
    try:
        Wire(cluster.nodes[name]["addresses"]["cluster"]).ask("GET", key)
        return True
    except RuntimeError:
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["speed", "latency", "pause"])
    parser.add_argument("--gib", type=float)
    parser.add_argument("--value", type=int, default=4096)
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("dcache")
    args = parser.parse_args()
    # So that nodes end with it also when it is asked to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args.gib = args.gib or {"speed": 4.0, "latency": 1.0, "pause": 0.0}[args.part]
    {"speed": speed, "latency": latency, "pause": pause}[args.part](args)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""What a further copy costs: server CPU per request, summed over all nodes of a local cluster, of an unreplicated, an eventual and
a strong namespace, in one run; and how long a strong write takes beside an unreplicated one and beside the round trip between
two nodes. Python 3 and redis-benchmark. Not here: full syncs (sync.py), failover times (tests/e2e/copies.rs).

    copies.py cost [--rounds 7] [--requests 200000] [--gateway] PATH_TO_DCACHE
    copies.py latency [--rounds 5] [--requests 20000] PATH_TO_DCACHE

`cost`: three nodes, one further copy each, 100 B values, 50 connections, pipeline 16, by redis-benchmark as a cluster-aware client,
whose connections keep to a slot each; with --gateway by a plain client of one node's gateway, keys at random over all slots.
The namespaces take turns within each round; printed are medians over the rounds, and medians of the rounds' ratios. CPU is user and
system time of the three processes, so it has the copying and acknowledging of all nodes in it; what heartbeats and such take
meanwhile is measured on the idle cluster and printed beside it.
`latency`: one connection, one request at a time, to a key's own node; the round trip is that of PING between two nodes' doors, which
is what one process of this machine needs to ask another and hear back."""

import argparse
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TICK = os.sysconf("SC_CLK_TCK")
NAMESPACES = {"none": "n:", "eventual": "e:", "strong": "s:"}


class Cluster:
    """Three nodes in the background of a home of their own, gone with it."""

    def __init__(self, dcache, memory="1GiB", copies=1):
        self.dcache = os.path.realpath(dcache)
        self.home = tempfile.mkdtemp(prefix="copies-bench-")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("DCACHE_")}
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
            self.environment[name] = os.path.join(self.home, name.lower())
        try:
            self.nodes = self.run_json("cluster", "init", "--local", "3", "--copies", str(copies), "--name", "bench", "--detach",
                                       "--memory", memory)["nodes"]
            self.run("namespace", "set", "none", "--prefix", "n:", "--replicas", "0")
            self.run("namespace", "set", "eventual", "--prefix", "e:")
            self.run("namespace", "set", "strong", "--prefix", "s:", "--consistency", "strong")
            self.wait_until_healthy()
            self.doors = [node["addresses"]["cluster"] for node in self.status()["nodes"]]
            self.gateways = [node["addresses"]["gateway"] for node in self.status()["nodes"]]
        except BaseException:
            self.close()
            raise

    def run(self, *args):
        done = subprocess.run([self.dcache, *args], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"dcache {' '.join(args)}: {done.stdout}{done.stderr}")
        return done.stdout

    def run_json(self, *args):
        return json.loads(self.run(*args, "-o", "json"))

    def status(self):
        return self.run_json("cluster", "status")

    def wait_until_healthy(self, within=60):
        deadline = time.monotonic() + within
        while (status := self.status())["health"] != "healthy" or status["partitionsInSync"] < status["partitions"]:
            if time.monotonic() > deadline:
                raise RuntimeError("the cluster does not get healthy")
            time.sleep(0.05)

    def pids(self):
        return [node["pid"] for node in self.nodes]

    def cpu(self):
        """Seconds of CPU that all nodes took so far."""
        total = 0
        for pid in self.pids():
            fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICK

    def close(self):
        subprocess.run([self.dcache, "cluster", "destroy", "bench", "--yes"], env=self.environment, capture_output=True)
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def benchmark(cluster, requests, *command, pipeline=16, clients=50, gateway=False):
    host, port = (cluster.gateways if gateway else cluster.doors)[0].rsplit(":", 1)
    mode = [] if gateway else ["--cluster"]
    done = subprocess.run(["redis-benchmark", "-h", host, "-p", port, *mode, "-c", str(clients), "-P", str(pipeline),
                           "-n", str(requests), "-r", "100000", "-q", *command], capture_output=True, text=True, timeout=300)
    if done.returncode != 0 or "requests per second" not in done.stdout:
        raise RuntimeError(done.stdout + done.stderr)


def cost(cluster, rounds, requests, gateway):
    # What came with its beginning is done by then.
    time.sleep(3)
    began, before = time.monotonic(), cluster.cpu()
    time.sleep(3)
    idle = (cluster.cpu() - before) / (time.monotonic() - began)
    print(f"idle: {idle * 1000:.1f} ms of CPU a second")
    value = "x" * 100
    rows = {f"{verb} {name}": [] for verb in ("SET", "GET") for name in NAMESPACES}
    for turn in range(rounds + 1):
        for verb in ("SET", "GET"):
            names = list(NAMESPACES)
            random.Random(turn).shuffle(names)
            for name in names:
                key = NAMESPACES[name] + ("__rand_int__" if gateway else "{tag}:__rand_int__")
                began, before = time.monotonic(), cluster.cpu()
                command = ("SET", key, value) if verb == "SET" else ("GET", key)
                benchmark(cluster, requests, *command, gateway=gateway)
                # What was answered is still being copied.
                time.sleep(0.2)
                took = cluster.cpu() - before - idle * (time.monotonic() - began)
                if turn > 0:  # the first fills tables and caches
                    rows[f"{verb} {name}"].append(took / requests * 1e6)
    print(f"{'':14} {'us a request':>14} {'ratio':>7}   (medians of {rounds} rounds of {requests} requests)")
    for verb, base in (("SET", "none"), ("GET", "eventual")):
        for name in NAMESPACES:
            row, over = rows[f"{verb} {name}"], rows[f"{verb} {base}"]
            ratio = statistics.median(one / other for one, other in zip(row, over))
            print(f"{verb} {name:10} {statistics.median(row):14.2f} {ratio:7.2f}   of {base}")


class Wire:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, *words):
        words = [word.encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        reply = self.socket.recv(4096)
        if reply[:1] == b"-":
            raise RuntimeError(reply.decode())
        return reply


def own_key(wire, prefix):
    for n in range(100_000):
        key = f"{prefix}{n}"
        try:
            wire.ask("SET", key, "v")
            return key
        except RuntimeError as error:
            if "MOVED" not in str(error):
                raise
    raise RuntimeError("no key of this node")


def latency(cluster, rounds, requests):
    wire = Wire(cluster.doors[0])
    keys = {name: own_key(wire, prefix) for name, prefix in NAMESPACES.items()}
    rows = {name: [] for name in ("ping", *NAMESPACES)}
    for turn in range(rounds + 1):
        for name in rows:
            times = []
            for _ in range(requests):
                began = time.perf_counter()
                wire.ask("PING") if name == "ping" else wire.ask("SET", keys[name], "x" * 100)
                times.append(time.perf_counter() - began)
            if turn > 0:
                rows[name].append(statistics.median(times) * 1e6)
    medians = {name: statistics.median(row) for name, row in rows.items()}
    for name, median in medians.items():
        print(f"p50 {name:10} {median:8.1f} us")
    print(f"strong - none: {medians['strong'] - medians['none']:.1f} us = "
          f"{(medians['strong'] - medians['none']) / medians['ping']:.2f} round trips (PING of a client)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["cost", "latency"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--gateway", action="store_true")
    parser.add_argument("dcache")
    args = parser.parse_args()
    with Cluster(args.dcache) as cluster:
        if args.part == "cost":
            cost(cluster, args.rounds, args.requests, args.gateway)
        else:
            latency(cluster, args.rounds, min(args.requests, 20_000))
    return 0


if __name__ == "__main__":
    sys.exit(main())

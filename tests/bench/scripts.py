#!/usr/bin/env python3
"""Rate and CPU of a token bucket in Lua, of servers side by side.

    tests/bench/scripts.py [--requests N] [--rounds N] [--pin] NAME=COMMAND …

COMMAND starts a server in the foreground; `{port}`, `{dir}` and `{other}` (free ports: also `{another}`, `{third}`) are filled in.
Each round asks every server in turn, by redis-benchmark with 50 connections, at a pipeline of 1 and of 16, keys at random of 100,000;
with --pin servers and client have a core each.
"""

import sys

sys.path.pop(0)  # A script beside this one has the name of a module of Python's.

import argparse
import os
import re
import shlex
import socket
import statistics
import subprocess
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")

BUCKET = """
local state = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local now, rate, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tokens = math.min(most, (tonumber(state[1]) or most) + (now - (tonumber(state[2]) or now)) * rate)
local is_allowed = tokens >= 1
if is_allowed then tokens = tokens - 1 end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)
redis.call('PEXPIRE', KEYS[1], 60000)
return is_allowed and 1 or 0
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, command, core):
        self.port = free_port()
        others = {name: free_port() for name in ("other", "another", "third")}
        filled = command.format(port=self.port, dir=tempfile.mkdtemp(), **others)
        self.process = subprocess.Popen(on_core(core, shlex.split(filled)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"{filled} does not listen")


def on_core(core, words):
    return words if core is None else ["taskset", "-c", str(core)] + words


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def measure(server, pipeline, requests, core):
    before = cpu_seconds(server.process.pid)
    words = ["eval", BUCKET, "1", "bucket:__rand_int__", "1000", "10", "100"]
    command = ["redis-benchmark", "-p", str(server.port), "-c", "50", "-P", str(pipeline), "-n", str(requests), "-r", "100000", "-q"]
    out = subprocess.run(on_core(core, command + words), capture_output=True, text=True, check=True).stdout
    rate = float(re.findall(r"([\d.]+) requests per second", out)[-1])
    return rate, (cpu_seconds(server.process.pid) - before) / requests * 1e6


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pin", action="store_true")
    parser.add_argument("servers", nargs="+")
    options = parser.parse_args()
    cores = (0, 1) if options.pin else (None, None)
    servers = {name: Server(command, cores[0]) for name, _, command in (one.partition("=") for one in options.servers)}
    for pipeline in (1, 16):
        found = {name: [] for name in servers}
        for _ in range(options.rounds):
            for name, server in servers.items():
                found[name].append(measure(server, pipeline, options.requests, cores[1]))
        for name, rounds in found.items():
            rate, cpu = (statistics.median(column) for column in zip(*rounds))
            print(f"pipeline {pipeline:2}  {name:12} {rate:10.0f} a second  {cpu:6.2f} µs of CPU each")
    for server in servers.values():
        server.process.terminate()


if __name__ == "__main__":
    main()

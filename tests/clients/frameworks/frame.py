"""What every framework's script needs: where the servers are, when a node is taken away, and what may then be read back.

drive.py starts the script and talks with it in lines: `@fault` asks it to kill a node, `@back` to start that node again, `@ok` is
the end. Everything else that is printed goes to the script's log.
"""
import json
import os
import random
import sys
import threading
import time

GATEWAYS = os.environ["GATEWAYS"].split(",")  # the first one is used; all of them by clients that take several addresses
CLUSTER = os.environ["CLUSTER"].split(",")  # the cluster doors in the same order; against a Redis server its own address
DATABASE = int(os.environ["DATABASE"])
STRONG = os.environ["STRONG"] == "1"
ROUNDS = int(os.environ["ROUNDS"])  # how many nodes are taken away, one after the other
OWN = os.environ["PASS"] == "own"  # the node of the first gateway is the one that is killed
URL = f"redis://{GATEWAYS[0]}/{DATABASE}"
HOST, PORT = GATEWAYS[0].rsplit(":", 1)
PORT = int(PORT)


def ask(word):
    print(f"@{word}", flush=True)
    if not sys.stdin.readline().strip():
        raise SystemExit("the driver is gone")


def fault():
    ask("fault")


def back():
    ask("back")


def done(**figures):
    print("@ok " + json.dumps(figures), flush=True)


def check(right, what):
    if not right:
        raise AssertionError(what)


def unconfirmed(error):
    """The one error that a request may meet on a gateway while a node dies: the write was under way, and nobody can tell."""
    return "not confirmed" in str(error)


class Truth:
    """Which values each key may have. A strong namespace has the last one that was acknowledged; an eventual one may have lost
    what a node's last moments wrote, so any value that was ever written to the key, until all is written anew."""

    def __init__(self):
        self.may = {}
        self.settled = STRONG
        self.unconfirmed = 0
        self.lock = threading.Lock()

    def write(self, values, do):
        try:
            do()
            sure = self.settled
        except Exception as error:
            for key, value in values.items():
                self.may[key] = self.may.get(key, {None}) | {value}
            if not unconfirmed(error):
                raise
            sure = False
            with self.lock:
                self.unconfirmed += 1
        for key, value in values.items():
            self.may[key] = {value} if sure else self.may.get(key, {None}) | {value} | (set() if STRONG else {None})

    def read(self, values):
        for key, value in values.items():
            check(value in self.may.get(key, {None}), f"{key} is {value!r}, not one of {sorted(map(repr, self.may.get(key, {None})))}")


class Counter:
    """Bounds of a counter: acknowledged additions, and those that nobody can tell of."""

    def __init__(self):
        self.sure = self.perhaps = 0

    def add(self, do):
        try:
            do()
            self.sure += 1
        except Exception as error:
            if not unconfirmed(error):
                raise
            self.perhaps += 1

    def read(self, value):
        low = self.sure if STRONG else 0
        check(low <= value <= self.sure + self.perhaps, f"a counter is {value}, not {self.sure} to {self.sure + self.perhaps}")


def through_faults(step, threads=2, before=0.7, after=4.0, errors_for=0.0):
    """Runs step(thread, random source) all the time in some threads, while each of the nodes is killed and comes back. A client of
    the cluster door may meet errors for some seconds after a kill; nobody else may."""
    stop, failed, longest, steps = threading.Event(), [], [0.0] * threads, [0] * threads
    killed, away = [float("-inf")], []

    def load(thread):
        chance = random.Random(thread)
        while not stop.is_set() and not failed:
            began = time.monotonic()
            try:
                step(thread, chance)
            except BaseException as error:  # told by the main thread
                if isinstance(error, AssertionError) or time.monotonic() > killed[0] + errors_for:
                    failed.append(error)
                away.append(error)
            longest[thread] = max(longest[thread], time.monotonic() - began)
            steps[thread] += 1

    running = [threading.Thread(target=load, args=(thread,), daemon=True) for thread in range(threads)]
    for thread in running:
        thread.start()
    for _ in range(ROUNDS):
        time.sleep(before)
        killed[0] = time.monotonic()
        fault()
        time.sleep(after)
        back()
    time.sleep(before)
    stop.set()
    for thread in running:
        thread.join(20)
        check(not thread.is_alive(), "a request has no answer after 20 s")
    if failed:
        raise failed[0]
    return {"steps": sum(steps), "longest_ms": round(1000 * max(longest)), **({"errors": len(away)} if errors_for else {})}

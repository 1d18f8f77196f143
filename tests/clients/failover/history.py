"""What every Python client does while nodes fail: threads of one client object write and read keys and remember what they
wrote.

Each key has one writer, which counts up. It may be read as no less than the last value that was acknowledged and no more than
the last that was tried; after the loss of a node a key of the eventual namespace may be older, which is counted. A write that
is answered `-TIMEOUT the write is not confirmed` is written again, as the README says, and counted apart from errors.
`drive.py` tells over standard input what it does to the cluster:

    fault T strong   a node was lost at T: visit every key anew and say when all were read and written
    fault T all      the same, and no value of either namespace may be lost
    calm             say what happened since the last report
    stop             visit every key once more, then end
"""
import json
import sys
import threading
import time

THREADS = 4


class Key:
    def __init__(self, name, strong):
        self.name, self.strong = name, strong
        self.tried = self.acknowledged = self.round = 0


class History:
    def __init__(self, file, get, set_):
        with open(file) as names:
            names = json.load(names)
        self.keys = [Key(name, True) for name in names["strong"]] + [Key(name, False) for name in names["eventual"]]
        self.get, self.set = get, set_
        self.lock = threading.Lock()
        self.round, self.since, self.left = 0, time.monotonic(), 0
        self.may_lose, self.stopping = False, False
        self.forget()

    def run(self):
        for key in self.keys:
            self.write(key)
        threads = [threading.Thread(target=self.work, args=(self.keys[n::THREADS],), daemon=True) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        say("ready", {"at_once": THREADS})
        for line in sys.stdin:
            word, *rest = line.split()
            if word == "fault":
                self.begin(float(rest[0]), may_lose=rest[1] == "strong")
            elif word == "calm":
                self.may_lose = False
                self.report("calm")
            elif word == "stop":
                break
        self.stopping = True
        for thread in threads:
            thread.join(10)
        for key in self.keys:
            self.read(key)
        say("done", {})

    def begin(self, since, may_lose):
        with self.lock:
            self.may_lose, self.since = may_lose, since
            self.round += 1
            self.left = len(self.keys)

    def work(self, keys):
        while not self.stopping:
            for key in keys:
                if not self.stopping and (self.left == 0 or key.round < self.round):
                    self.visit(key)
            time.sleep(0.001)  # its keys are done: the processor is for those who have some left

    def visit(self, key):
        round_ = self.round
        try:
            self.read(key)
            self.write(key)
        except Exception as error:  # what surfaces, of whichever kind, is what is counted
            with self.lock:
                self.errors += 1
                self.last_error = f"{type(error).__name__}: {error}"[:120]
            time.sleep(0.01)
            return
        with self.lock:
            if key.round < round_ == self.round:
                key.round = round_
                self.left -= 1
                if self.left == 0:
                    self.report("recovered")

    def read(self, key):
        got = self.timed(self.get, key.name)
        value = int(got.split(b":")[0]) if got else 0
        if value > key.tried:
            fail(f"{key.name} is {value}, written were {key.tried}")
        if value < key.acknowledged:
            if key.strong or not self.may_lose:
                fail(f"{key.name} is {value}, acknowledged was {key.acknowledged}")
            self.lost += 1
            key.acknowledged = value

    def write(self, key):
        key.tried += 1
        try:
            self.timed(self.set, key.name, b"%d:" % key.tried + b"." * 50)
        except Exception as error:
            if "the write is not confirmed" not in str(error):
                raise
            with self.lock:
                self.unconfirmed += 1
            return self.write(key)
        key.acknowledged = key.tried

    def timed(self, call, *args):
        start = time.monotonic()
        try:
            return call(*args)
        finally:
            self.pause = max(self.pause, time.monotonic() - start)

    def report(self, word):
        seconds = time.monotonic() - self.since
        counted = {"errors": self.errors, "error": self.last_error, "unconfirmed": self.unconfirmed, "lost": self.lost}
        say(word, {"seconds": seconds, "pause": self.pause, **counted})
        self.forget()

    def forget(self):
        self.errors, self.last_error, self.unconfirmed, self.lost, self.pause = 0, "", 0, 0, 0.0


def say(word, figures):
    print(word, json.dumps(figures), flush=True)


def fail(what):
    say("wrong", {"what": what})
    raise SystemExit(1)

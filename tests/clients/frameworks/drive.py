"""Has each framework do its job while a node of the cluster is killed and comes back: drive.py BINARY SCRATCH NAME...

BINARY is dcache, or a Redis server, from which nothing is taken away: there the scripts show that they ask nothing of dcache that
Redis does not do. Databases of the cluster, each with one further copy:

    0    `default`, eventual: no wrong value is ever read; what a dying node's last moments wrote may be lost
    1    `queues`, strong and pinned to one slot: no job is lost, but by Celery one whose answer was under way (celery_queue.py)
    2    `caches`, strong, spread over the nodes: nothing acknowledged is lost

The cluster doors have database 0 alone; there what begins with `strong:` is strong.

Passes: `other` kills a node that owns data and is not the one whose gateway the client has (of a pinned namespace one after the
other both nodes that hold it, so that its primary is among them); `own`, where the client takes several addresses, kills the node of
the first. Prints a line for each framework and pass, and ends with 1 when one failed or cannot run.
"""
import atexit
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from binascii import crc_hqx

NAME = "frameworks"
PATIENCE = 240.0  # the longest a framework may take
QUEUES, CACHES, EVENTUAL = 1, 2, 0

# name: command, database, commands that it cannot do without, whether it takes several addresses; a text is the hash tag of all that
# it has on the cluster doors
PYTHON, NODE, RUBY, PHP = ["{scratch}/venv/bin/python"], ["node"], ["ruby"], ["php", "-d", "error_reporting=E_ALL&~E_DEPRECATED"]
FRAMEWORKS = {
    "django": (PYTHON + ["django_cache.py"], CACHES, "", False),
    "django-redis": (PYTHON + ["django_redis_cache.py"], CACHES, "EVAL EVALSHA", False),
    "flask-caching": (PYTHON + ["flask_cache.py"], EVENTUAL, "", True),
    "aiocache": (PYTHON + ["aiocache_cache.py"], CACHES, "EVAL", False),
    "redis-asyncio": (PYTHON + ["redis_asyncio.py"], CACHES, "", True),
    "celery": (PYTHON + ["celery_queue.py"], QUEUES, "BRPOP EVALSHA", True),
    "rq": (PYTHON + ["rq_queue.py"], QUEUES, "EVALSHA BLMOVE XADD", False),
    "redlock-py": (PYTHON + ["redlock_py.py"], CACHES, "EVAL", False),
    "pottery": (PYTHON + ["pottery_locks.py"], CACHES, "EVALSHA", False),
    "connect-redis": (NODE + ["connect_redis.mjs"], CACHES, "", True),
    "rate-limiter-flexible": (NODE + ["rate_limiter.mjs"], CACHES, "EVALSHA", True),
    "redlock": (NODE + ["redlock.mjs"], CACHES, "EVALSHA", True),
    "bullmq": (NODE + ["bullmq.mjs"], QUEUES, "EVALSHA BZPOPMIN XADD XREAD", "bull"),
    "rails": (RUBY + ["rails_cache.rb"], CACHES, "", False),
    "sidekiq": (RUBY + ["sidekiq_queue.rb"], QUEUES, "BRPOP EVALSHA", False),
    "laravel-cache": (PHP + ["laravel_cache.php"], CACHES, "EVAL", False),
    "laravel-queue": (PHP + ["laravel_queue.php"], QUEUES, "EVAL BLPOP", False),
    "recorded": (PYTHON + ["recorded.py"], CACHES, "", False),
}


class Broken(Exception):
    pass


def call(address, *words):
    """One request to an address, its reply as text: enough to prepare and to look."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as at:
        at.sendall(b"".join([b"*%d\r\n" % len(words)] + [b"$%d\r\n%s\r\n" % (len(w), w) for w in map(str.encode, words)]))
        reader = at.makefile("rb")
        return reply(reader)


def reply(reader):
    line = reader.readline().decode()
    kind, rest = line[0], line[1:].strip()
    if kind == "*":
        return [reply(reader) for _ in range(int(rest))]
    if kind == "$":
        return None if rest == "-1" else reader.read(int(rest) + 2)[:-2].decode()
    return rest if kind != "-" else Broken(rest)


class Redis:
    """A Redis server alone."""

    passes = ["none"]
    lacks_pinned = False

    def __init__(self, binary, scratch):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        port = self.address.rsplit(":", 1)[1]
        command = [binary, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", scratch]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        atexit.register(self.process.kill)
        deadline = time.monotonic() + 10
        while True:
            try:
                call(self.address, "PING")
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def plan(self, which, database, several):
        return [self.address], [self.address], []


class Cluster:
    """Three nodes of dcache."""

    passes = ["other", "own"]

    def __init__(self, binary, scratch):
        self.binary = binary
        destroy = [binary, "--quiet", "cluster", "destroy", NAME, "--yes"]
        atexit.register(lambda: subprocess.run(destroy, stdout=subprocess.DEVNULL))
        self.start()
        caches = {"name": "caches", "match": {"database": CACHES}, "consistency": "strong", "replicas": 1}
        queues = {"name": "queues", "match": {"database": QUEUES}, "consistency": "strong", "replicas": 1, "placement": "pinned"}
        self.namespace(scratch, caches)
        self.namespace(scratch, {"name": "strong", "match": {"prefix": "strong:"}, "consistency": "strong", "replicas": 1})
        try:
            self.namespace(scratch, queues)
            self.lacks_pinned = False
        except Broken as error:
            if "placement" not in str(error):
                raise
            self.lacks_pinned = True
            del queues["placement"]
            self.namespace(scratch, queues)

    def namespace(self, scratch, spec):
        file = os.path.join(scratch, "namespace.json")
        with open(file, "w") as out:
            json.dump(spec, out)
        self.run("namespace", "set", "-f", file)

    def run(self, *words):
        ran = subprocess.run([self.binary, "--quiet", *words], capture_output=True, text=True)
        if ran.returncode != 0:
            raise Broken(f"dcache {' '.join(words)}: {ran.stderr.strip()}")
        return ran.stdout

    def start(self):
        """Starts what does not run, and waits until every copy is in sync, by what every node knows."""
        words = ["cluster", "init", "--local", "3", "--name", NAME, "--copies", "1", "--memory", "256MiB", "--detach",
                 "--wait-timeout", "2m", "-o", "json"]
        local = json.loads(self.run(*words))["nodes"]
        self.pids = {node["name"]: node["pid"] for node in local}
        doors = [f"127.0.0.1:{node['ports']['control']}" for node in local]
        deadline = time.monotonic() + 60
        while True:
            told = [self.status("--endpoint", door) for door in doors]
            if not any(status["findings"] for status in told) and len({status["epoch"] for status in told}) == 1:
                return
            if time.monotonic() > deadline:
                for node in local:
                    print(f"    {node['name']} ({node['pid']}) tells last:", *open(node["log"]).readlines()[-5:], sep="\n    ", file=sys.stderr)
                raise Broken(f"the cluster is not well 60 s after its nodes run: {[f['message'] for f in told[0]['findings']]}")
            time.sleep(0.1)

    def status(self, *words):
        return json.loads(self.run(*words, "cluster", "status", "-o", "json"))

    def plan(self, which, database, several):
        """The gateways, the cluster doors, the client's first, and the names of the nodes to be killed."""
        nodes = sorted(self.status()["nodes"], key=lambda node: -node["partitions"])
        if which == "own" and isinstance(several, str):
            slot = crc_hqx(several.encode(), 0) % 16384
            has = lambda node: any(part["first"] <= slot <= part["last"] for part in node["slotRanges"])
            holders, others = [node for node in nodes if has(node)], [node for node in nodes if not has(node)]
        elif database == QUEUES and not self.lacks_pinned:
            holders = self.holders(nodes)
            others = [node for node in nodes if node not in holders]
        else:
            holders, others = nodes[:1], nodes[1:]
        order = holders + others if which == "own" else others + holders
        killed = [order[0]] if which == "own" else holders
        for node in killed:
            if database != QUEUES and node["partitions"] == 0:
                raise Broken(f"{node['name']} serves nothing that could be missed")
        doors = lambda kind: [node["addresses"][kind] for node in order]
        return doors("gateway"), doors("cluster"), [node["name"] for node in killed]

    def holders(self, nodes):
        """The nodes that hold the pinned namespace, as they count its entries."""
        gateway = nodes[0]["addresses"]["gateway"]
        host, port = gateway.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=10) as at:
            reader = at.makefile("rb")
            for words in (f"SELECT {QUEUES}", "SET probe 1"):
                at.sendall(words.encode() + b"\r\n")
                if reply(reader) != "OK":
                    raise Broken(f"{words} at {gateway}")
            try:
                deadline = time.monotonic() + 10
                while True:
                    now = {node["name"]: node for node in self.status()["nodes"]}
                    count = lambda name: sum(n["items"] for n in now[name]["report"]["namespaces"] if n["name"] == "queues")
                    holders = [node for node in nodes if count(node["name"]) > 0]
                    if len(holders) == 2:
                        return holders
                    if time.monotonic() > deadline:
                        raise Broken(f"{len(holders)} nodes hold the pinned namespace, not 2")
                    time.sleep(0.2)
            finally:
                at.sendall(b"DEL probe\r\n")
                reply(reader)

    def kill(self, name):
        os.kill(self.pids[name], signal.SIGKILL)


def run(servers, scratch, name, which):
    command, database, needs, several = FRAMEWORKS[name]
    gateways, doors, killed = servers.plan(which, database, several)
    known = call(gateways[0], "COMMAND", "INFO", *needs.split()) if needs else []
    lacks = [command for command, info in zip(needs.split(), known) if not info]
    lacks += ["placement: pinned"] if database == QUEUES and servers.lacks_pinned else []
    if lacks:
        raise Broken(f"cannot run: the server lacks {', '.join(lacks)}")
    call(gateways[0], "FLUSHALL")
    environment = {
        **os.environ,
        "GATEWAYS": ",".join(gateways),
        "CLUSTER": ",".join(doors),
        "DATABASE": str(database),
        "STRONG": str(int(database != EVENTUAL)),
        "ROUNDS": str(max(1, len(killed))),
        "PASS": which,
        "SCRATCH": scratch,
    }
    log = open(os.path.join(scratch, f"{name}-{which}.log"), "w+")
    process = subprocess.Popen(
        [part.format(scratch=scratch) for part in command],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, start_new_session=True,
    )
    try:
        lines = queue.Queue()
        threading.Thread(target=lambda: [lines.put(line) for line in process.stdout] + [lines.put("")], daemon=True).start()
        deadline, dead = time.monotonic() + PATIENCE, []
        while True:
            try:
                line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise Broken(f"not done after {PATIENCE:.0f} s") from None
            if not line:
                raise Broken(f"ended with {process.wait()}")
            word, _, rest = line.strip().partition(" ")
            if word == "@fault":
                for name in killed[len(dead) : len(dead) + 1]:
                    servers.kill(name)
                    dead.append(name)
            elif word == "@back":
                if dead:
                    servers.start()
            elif word == "@ok":
                process.wait(20)
                if len(dead) != len(killed):
                    raise Broken(f"only {dead} of {killed} were killed")
                return dead, rest
            else:
                log.write(line)
                log.flush()
                continue
            if word != "@ok":
                process.stdin.write("done\n")
                process.stdin.flush()
    except Exception:
        log.flush()
        log.seek(0)
        print("".join("    " + line for line in log.readlines()[-25:]), file=sys.stderr)
        raise
    finally:
        # Its worker processes are of the session that it was started in; it leads that session, so the number is its own.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        log.close()
        if hasattr(servers, "start"):
            servers.start()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are stopped too
    binary, scratch, *names = sys.argv[1:]
    about = subprocess.run([binary, "--version"], capture_output=True, text=True).stdout
    servers = (Redis if about.startswith(("Redis server", "Valkey server")) else Cluster)(binary, scratch)
    passed = failed = 0
    for name in names or FRAMEWORKS:
        for which in servers.passes:
            if which == "own" and not FRAMEWORKS[name][3]:
                continue
            began = time.monotonic()
            label = name if which == "none" else f"{name} ({which})"
            try:
                dead, figures = run(servers, scratch, name, which)
                what = f"{' and '.join(dead)} killed and back, " if dead else ""
                print(f"ok {label}: {what}{figures} {time.monotonic() - began:.0f} s", flush=True)
                passed += 1
            except (Broken, OSError) as error:
                print(f"FAILED {label}: {error}", flush=True)
                failed += 1
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


main()

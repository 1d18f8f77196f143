"""Drives one client through the loss of nodes: drive.py DCACHE CLIENT MODE KILLED COMMAND...

The client (`history.py`, `history.mjs`) reads and writes all the time. MODE is `cluster`, on the cluster door of the node that
will be killed, or `plain`, on the gateway of one that stays. KILLED is `leader` or `follower`: whether that node leads the
metadata. In turn:

    planned   `dcache cluster failover`: no error, nothing lost
    killed    SIGKILL: the same client object has written and read a key of every partition again within the limit, and sees
              nothing of the node's return
    stopped   SIGSTOP for twice the lease, then SIGCONT: the same, counted from SIGCONT for a cluster client, since a request
              that the stopped node has taken waits as long as the client lets it

On a gateway no request fails and none waits longer than the limit; only a write under way may be answered that it is not
confirmed. Nothing that a strong namespace acknowledged is ever lost. It prints one line of figures, and ends with 1 and the
reason when a promise is broken.
"""
import atexit
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from binascii import crc_hqx

NAME = "failover"
PARTITIONS = 1024
RECOVERS = 3.0  # a cluster client serves every key again
PAUSE, PAUSE_LEADER = 3.0, 3.5  # longest answer on a gateway; when the leader of the metadata is the one that is killed
STOPPED = 3.0  # twice the lease
PATIENCE = 15.0  # how long to watch a client that is too slow, so as to say how slow


class Cluster:
    def __init__(self, dcache):
        self.dcache = dcache

    def run(self, *words):
        return subprocess.run([self.dcache, "--quiet", *words], check=True, stdout=subprocess.PIPE, text=True).stdout

    def start(self):
        """Starts what does not run and waits until every copy is in sync, by what every node knows: one that was away may for a
        moment tell of a cluster that was well."""
        nodes = json.loads(self.run("cluster", "init", "--local", "3", "--name", NAME, "-o", "json"))["nodes"]
        self.pids = {node["name"]: node["pid"] for node in nodes}
        doors = [f"127.0.0.1:{node['ports']['control']}" for node in nodes]
        deadline = time.monotonic() + 30
        while True:
            told = [self.status("--endpoint", door) for door in doors]
            findings = [finding["message"] for status in told for finding in status["findings"]]
            if not findings and len({status["epoch"] for status in told}) == 1:
                return
            if time.monotonic() > deadline:
                broken(f"the cluster is not well 30 s after its nodes run: {findings}")
            time.sleep(0.1)

    def status(self, *words):
        return json.loads(self.run(*words, "cluster", "status", "-o", "json"))

    def nodes(self):
        return self.status()["nodes"]

    def node(self, name):
        return next(node for node in self.nodes() if node["name"] == name)

    def signal(self, node, what):
        hold(node["partitions"] > 0, f"{node['name']} serves nothing that could be missed")
        at = time.monotonic()
        os.kill(self.pids[node["name"]], what)
        return at


class Client:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)
        self.lines = queue.Queue()
        threading.Thread(target=self.listen, daemon=True).start()
        self.at_once = self.hear("ready")["at_once"]

    def listen(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("ended {}")

    def tell(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def hear(self, wanted, seconds=PATIENCE):
        try:
            word, figures = self.lines.get(timeout=seconds).split(" ", 1)
        except queue.Empty:
            broken(f"no `{wanted}` within {seconds} s")
        if word != wanted:
            broken(f"`{word} {figures.strip()}` instead of `{wanted}`")
        return json.loads(figures)

    def end(self):
        self.tell("stop")
        self.hear("done")
        self.process.wait(10)


def broken(what):
    print(f"FAILED {' '.join(sys.argv[2:5])}: {what}", file=sys.stderr)
    sys.exit(1)


def hold(promise, what):
    if not promise:
        broken(what)


def most(nodes, *without):
    """The node that serves most, apart from those with these names."""
    return max((node for node in nodes if node["name"] not in without), key=lambda node: node["partitions"])


def keys():
    """A key in each partition, of one namespace or the other."""
    tags, n = {}, 0
    while len(tags) < PARTITIONS:
        tags.setdefault(crc_hqx(str(n).encode(), 0) % 16384 * PARTITIONS // 16384, n)
        n += 1
    tagged = [f"{{{tags[partition]}}}" for partition in range(PARTITIONS)]
    return {"strong": [f"strong:{tag}" for tag in tagged[::2]], "eventual": [f"eventual:{tag}" for tag in tagged[1::2]]}


def planned(cluster, client, node):
    began = time.monotonic()
    cluster.run("cluster", "failover", node["name"])
    client.tell("fault", began, "all")
    figures = client.hear("recovered")
    unseen(figures, f"{node['name']} hands over")
    hold(figures["unconfirmed"] == 0, f"{node['name']} hands over: {figures['unconfirmed']} writes not confirmed")
    return figures


def killed(cluster, client, node, mode):
    at = cluster.signal(node, signal.SIGKILL)
    client.tell("fault", at, "strong")
    figures = client.hear("recovered")
    recovered(client, figures, 0.0, node, mode, f"{node['name']} is killed")
    came_back(cluster, client)
    return figures


def stopped(cluster, client, node, mode):
    at = cluster.signal(node, signal.SIGSTOP)
    client.tell("fault", at, "strong")
    time.sleep(STOPPED)
    again = cluster.signal(node, signal.SIGCONT)
    figures = client.hear("recovered")
    recovered(client, figures, again - at, node, mode, f"{node['name']} stands still for {STOPPED} s")
    came_back(cluster, client)
    return figures


def recovered(client, figures, within, node, mode, what):
    if mode == "cluster":
        late = figures["seconds"] - within
        return hold(late <= RECOVERS, f"{what}: all keys are served {late:.2f} s later; last error: {figures['error']}")
    unseen(figures, what)
    at_once, unconfirmed = client.at_once, figures["unconfirmed"]
    hold(unconfirmed <= at_once, f"{what}: {unconfirmed} writes not confirmed, {at_once} under way at once")
    limit = PAUSE_LEADER if node["leader"] else PAUSE
    hold(figures["pause"] <= limit, f"{what}: {figures['pause']:.2f} s without an answer")


def unseen(figures, what):
    hold(figures["errors"] == 0, f"{what}: {figures['errors']} errors, the last {figures['error']}")


def came_back(cluster, client):
    """All is in order again, and the client saw nothing of the return."""
    cluster.start()
    client.tell("calm")
    unseen(client.hear("calm"), "a node comes back")


def told(what, figures):
    counted = "".join(f", {figures[word]} {word}" for word in ("errors", "unconfirmed", "lost") if figures[word])
    return f"{what} {figures['seconds']:.2f} s (pause {figures['pause']:.2f} s{counted})"


def main():
    dcache, name, mode, role, *command = sys.argv[1:]
    cluster = Cluster(dcache)
    cluster.start()
    nodes = cluster.nodes()
    victim = most([node for node in nodes if node["leader"] == (role == "leader")])
    other = most(nodes, victim["name"])
    door = victim["addresses"]["cluster"] if mode == "cluster" else other["addresses"]["gateway"]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(keys(), file)
        file.flush()
        client = Client([*command, mode, door, file.name])
    handed = planned(cluster, client, other)
    gone = killed(cluster, client, cluster.node(victim["name"]), mode)
    still = most(cluster.nodes(), *([other["name"]] if mode == "plain" else []))
    slept = stopped(cluster, client, still, mode)
    client.end()
    figures = [told("planned", handed), told(f"killed {role}", gone), told("stopped", slept)]
    print(f"{name:<12} {mode:<7} {' | '.join(figures)}", flush=True)


main()

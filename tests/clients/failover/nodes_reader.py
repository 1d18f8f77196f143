"""A client that knows the cluster as Lettuce does, by `CLUSTER NODES` and `INFO` of every node:
nodes_reader.py cluster ADDRESS KEYS

What it keeps of Lettuce (`RedisHandshake`, `ClusterPartitionParser`, `topology/*`): the handshake; a node counts only if its
`INFO` has `connected_clients` and `master_repl_offset` and its `CLUSTER NODES` a line flagged `myself`; a line has one role and
one master; a host name follows the address after a comma; of the views it takes the one that knows most of the nodes known
before. A lost connection and a MOVED have all known nodes asked anew (adaptive refresh). Requests wait for their node, which
is connected to again after 1, 2, 4 ... ms, and go to another node when the topology says so; MOVED is followed at most five times;
any other error surfaces. What it does not keep: by default Lettuce refreshes at most once in 30 s
(`adaptiveRefreshTriggersTimeout`), and so asks too early for any failover that takes longer than a few attempts to connect; this
one asks at most every 100 ms.
"""
import socket
import sys
import threading
import time
from binascii import crc_hqx

from history import History

ANSWER = 1.0  # longest wait for a node's answer
REFRESH = 0.1  # shortest time between two refreshes


class RedisError(Exception):
    pass


class Connection:
    def __init__(self, address, timeout=ANSWER):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        self.ask("HELLO", "3")
        for ignored in (
            ("CLIENT", "SETINFO", "lib-name", "Lettuce"),
            ("CLIENT", "SETINFO", "lib-ver", "7.0.0"),
            ("CLIENT", "MAINT_NOTIFICATIONS", "on"),
        ):
            try:
                self.ask(*ignored)
            except RedisError:
                pass

    def ask(self, *words):
        words = [word if isinstance(word, bytes) else word.encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        reply = self.reply()
        while isinstance(reply, Push):
            reply = self.reply()
        if isinstance(reply, RedisError):
            raise reply
        return reply

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("closed")
        kind, rest = line[:1], line[1:-2]
        if kind in b"$=":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind in b"*~":
            return [self.reply() for _ in range(int(rest))]
        if kind == b">":
            return Push(self.reply() for _ in range(int(rest)))
        if kind == b"%":
            return dict((self.reply().decode(), self.reply()) for _ in range(int(rest)))
        return {b"-": lambda: RedisError(rest.decode()), b"_": lambda: None}.get(kind, lambda: rest)()

    def close(self):
        self.file.close()
        self.socket.close()


class Push(list):
    pass


def view(address):
    """What a node says of the cluster: its nodes' ids, and the address that serves each slot."""
    connection = Connection(address)
    try:
        lines = connection.ask("CLUSTER", "NODES").decode().removeprefix("txt:").splitlines()
        info = connection.ask("INFO").decode().removeprefix("txt:")
        info = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    finally:
        connection.close()
    int(info["connected_clients"]), int(info["master_repl_offset"])
    ids, slots, myself = set(), {}, False
    for line in lines:
        id_, where, flags, master, _ping, _pong, _epoch, _link, *ranges = line.split(" ")
        flags = flags.split(",")
        myself |= "myself" in flags
        if "noaddr" in flags or "handshake" in flags:
            continue
        if ("master" in flags) != (master == "-"):
            raise ValueError(f"a line with two roles: {line}")
        where, _, name = where.partition(",")
        host, port = where.partition("@")[0].rsplit(":", 1)
        ids.add(id_)
        for range_ in ranges:
            if not range_.startswith("["):
                first, _, last = range_.partition("-")
                for slot in range(int(first), int(last or first) + 1):
                    slots[slot] = f"{name or host}:{port}"
    if not myself:
        raise ValueError("no line is flagged myself")
    return ids, slots, int(info["connected_clients"])


class Reader:
    def __init__(self, seed):
        self.seeds, self.known, self.slots = {seed}, set(), {}
        self.lock, self.refreshed, self.own = threading.Lock(), 0.0, threading.local()
        self.refresh()
        if len(self.slots) != 16384:
            raise SystemExit(f"{len(self.slots)} slots are served")

    def get(self, key):
        return self.run(key, "GET", key)

    def set(self, key, value):
        return self.run(key, "SET", key, value)

    def run(self, key, *words):
        slot = crc_hqx(key.encode(), 0) % 16384
        backoff, redirects, target, give_up = 0.001, 5, None, time.monotonic() + 60
        while True:
            address = target or self.slots[slot]
            try:
                return self.connection(address).ask(*words)
            except RedisError as error:
                word, *rest = str(error).split(" ")
                if word != "MOVED" or redirects == 0:
                    raise
                redirects, target = redirects - 1, rest[1]
                self.refresh()
            except OSError:
                self.drop(address)
                if time.monotonic() > give_up:
                    raise
                target = None
                self.refresh()
                time.sleep(backoff)
                backoff = min(backoff * 2, 0.1)

    def connection(self, address):
        mine = self.own.__dict__
        if address not in mine:
            mine[address] = Connection(address)
        return mine[address]

    def drop(self, address):
        connection = self.own.__dict__.pop(address, None)
        if connection:
            connection.close()

    def refresh(self):
        """Asks all known nodes at once, but no more than once in `REFRESH`, and takes the view that most of them know."""
        with self.lock:
            if time.monotonic() - self.refreshed < REFRESH:
                return
            self.refreshed = time.monotonic()
            sources = self.seeds | set(self.slots.values())
        views, asked = [], []
        for address in sorted(sources):
            asked.append(threading.Thread(target=self.look, args=(address, views), daemon=True))
            asked[-1].start()
        for thread in asked:
            thread.join(0.5)
        views = list(views)
        if views:
            agree = lambda seen: sum(seen[:2] == other[:2] for other in views)
            ids, slots, _ = max(views, key=lambda seen: (len(seen[0] & self.known), agree(seen), -seen[2]))
            self.known, self.slots, self.seeds = ids, slots, self.seeds | set(slots.values())

    def look(self, address, views):
        try:
            views.append(view(address))
        except (OSError, RedisError):
            pass  # not there now, or not ready; the others are asked as well


_mode, address, keys = sys.argv[1:4]
reader = Reader(address)
History(keys, reader.get, reader.set).run()

"""pymemcache at the memcached doors of several nodes: what one client stores, every other reads."""
import sys

from pymemcache import serde
from pymemcache.client.base import Client

KEYS = 2000
doors = [(host, int(port)) for host, port in (door.rsplit(":", 1) for door in sys.argv[1:])]
clients = [Client(door, default_noreply=False) for door in doors]


def check(holds, what):
    if not holds:
        sys.exit(f"failed: {what}")


for n in range(KEYS):
    check(clients[n % 3].set(f"key:{n}", bytes([n % 256]) * (n % 300), flags=n % 5), f"set {n}")
for at in range(0, KEYS, 100):
    names = [f"key:{n}" for n in range(at, at + 100)]
    got = clients[at // 100 % 3].get_many(names + ["none"])
    check(got == {f"key:{n}": bytes([n % 256]) * (n % 300) for n in range(at, at + 100)}, f"get_many at {at}")

one, two, three = clients
check(one.add("a", "1") and not two.add("a", "2"), "add")
check(three.replace("a", "10") and not three.replace("none", "x"), "replace")
check(one.incr("a", 5) == 15 and two.decr("a", 100) == 0 and three.incr("none", 1) is None, "incr and decr")
check(one.append("a", "x") and two.prepend("a", "y") and three.get("a") == b"y0x", "append and prepend")
value, token = one.gets("a")
check(two.cas("a", "new", token) is True and three.cas("a", "newer", token) is False, "cas")
check(one.cas("none", "x", token) is None, "cas of none")
check(one.touch("a", 100) and not two.touch("none", 100), "touch")
check(one.delete("a") and not two.delete("a"), "delete")
check(b"dcache" in one.version() and one.stats()[b"cmd_get"] > 0, "version and stats")
picklers = [Client(door, serde=serde.pickle_serde, default_noreply=False) for door in doors]
check(picklers[0].set("object", {"a": [1, 2]}) and picklers[1].get("object") == {"a": [1, 2]}, "flags tell how to read it")
check(one.set_many({f"many:{n}": str(n) for n in range(50)}) == [], "set_many")
check(two.flush_all() and three.get_many([f"many:{n}" for n in range(50)]) == {}, "flush_all")
print(f"ok pymemcache: {KEYS} keys at {len(clients)} doors")

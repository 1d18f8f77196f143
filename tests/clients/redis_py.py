"""redis-py and valkey-py: cluster mode on the cluster door, standalone on a gateway, RESP2 and RESP3, sync and asyncio.

    redis_py.py CLUSTER GATEWAY [PACKAGE]
"""
import asyncio
import importlib
import sys

from workload import KEYS, check, keys, value

PACKAGE = sys.argv[3] if len(sys.argv) > 3 else "redis"
NAME = PACKAGE.capitalize()
redis, redis_asyncio, redis_cluster = (importlib.import_module(PACKAGE + part) for part in ("", ".asyncio", ".cluster"))
ClusterNode, RedisCluster = redis_cluster.ClusterNode, getattr(redis_cluster, f"{NAME}Cluster")


def run(client, cluster, label):
    client.flushdb()
    pipe = client.pipeline(transaction=False)
    for n, key in enumerate(keys(label)):
        pipe.set(key, value(n))
        if n % 500 == 499:
            check(all(pipe.execute()), label, "pipelined SET")
    check(all(pipe.execute()), label, "pipelined SET")
    for n, key in enumerate(keys(label)):
        if n % 10 == 0:
            check(client.get(key) == value(n), label, f"GET {key}")
    names = list(keys(label))
    for at in range(0, KEYS, 100):
        batch = names[at : at + 100]
        got = client.mget_nonatomic(batch) if cluster else client.mget(batch)
        check(got == [value(at + i) for i in range(len(batch))], label, f"MGET at {at}")
    for n, key in enumerate(names[:100]):
        check(client.expire(key, 1000 + n), label, "EXPIRE")
        check(900 < client.ttl(key) <= 1000 + n, label, "TTL")
    seen = set(client.scan_iter(match=f"{label}:*", count=500))
    check(seen == {name.encode() for name in names}, label, f"SCAN saw {len(seen)} of {KEYS}")
    # In cluster mode redis-py asks one default node unless told otherwise.
    size = client.dbsize(target_nodes=RedisCluster.PRIMARIES) if cluster else client.dbsize()
    check(size == KEYS, label, f"DBSIZE {size}")
    check(client.delete(names[0]) == 1 and client.get(names[0]) is None, label, "DEL")
    check(client.incrby(f"{label}:counter", 41) == 41 and client.incr(f"{label}:counter") == 42, label, "INCR")
    print(f"ok {label}: {KEYS} keys")


async def run_async(client, label):
    await client.set(f"{label}:a", b"\x00\xff", ex=100)
    check(await client.get(f"{label}:a") == b"\x00\xff", label, "GET")
    check(0 < await client.ttl(f"{label}:a") <= 100, label, "TTL")
    await client.aclose()
    print(f"ok {label}")


def main():
    (cluster_host, cluster_port), (gateway_host, gateway_port) = (a.rsplit(":", 1) for a in sys.argv[1:3])
    print(PACKAGE, redis.__version__)
    short = {"redis": "py", "valkey": "vk"}[PACKAGE]
    for protocol in (2, 3):
        cluster = RedisCluster(startup_nodes=[ClusterNode(cluster_host, int(cluster_port))], protocol=protocol)
        check(len(cluster.get_primaries()) == 3, PACKAGE, "three primaries")
        run(cluster, True, f"{short}-cluster-resp{protocol}")
        cluster.close()
        standalone = getattr(redis, NAME)(gateway_host, int(gateway_port), protocol=protocol)
        check(standalone.info()["redis_mode"] == "standalone", PACKAGE, "redis_mode")
        run(standalone, False, f"{short}-gateway-resp{protocol}")
        standalone.close()
    plain, cluster = getattr(redis_asyncio, NAME), getattr(redis_asyncio, f"{NAME}Cluster")
    asyncio.run(run_async(plain(host=gateway_host, port=int(gateway_port), protocol=3), f"{short}-async-gateway"))
    asyncio.run(run_async(cluster(host=cluster_host, port=int(cluster_port), protocol=3), f"{short}-async-cluster"))


main()

"""redis-py: cluster mode on the cluster door, standalone on a gateway, RESP2 and RESP3, sync and asyncio."""
import asyncio
import sys

import redis
import redis.asyncio
from redis.cluster import ClusterNode, RedisCluster

from workload import KEYS, check, keys, value


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
    print("redis-py", redis.__version__)
    for protocol in (2, 3):
        cluster = RedisCluster(
            startup_nodes=[ClusterNode(cluster_host, int(cluster_port))], protocol=protocol
        )
        check(len(cluster.get_primaries()) == 3, "redis-py", "three primaries")
        run(cluster, True, f"py-cluster-resp{protocol}")
        cluster.close()
        standalone = redis.Redis(gateway_host, int(gateway_port), protocol=protocol)
        check(standalone.info()["redis_mode"] == "standalone", "redis-py", "redis_mode")
        run(standalone, False, f"py-gateway-resp{protocol}")
        standalone.close()
    asyncio.run(run_async(redis.asyncio.Redis(host=gateway_host, port=int(gateway_port), protocol=3), "py-async-gateway"))
    asyncio.run(
        run_async(redis.asyncio.RedisCluster(host=cluster_host, port=int(cluster_port), protocol=3), "py-async-cluster")
    )


main()

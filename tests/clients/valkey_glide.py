"""valkey-glide: cluster mode on the cluster door and standalone on a gateway, RESP2 and RESP3."""
import asyncio
import sys

from glide import (
    ClusterScanCursor,
    ExpirySet,
    ExpiryType,
    GlideClient,
    GlideClientConfiguration,
    GlideClusterClient,
    GlideClusterClientConfiguration,
    NodeAddress,
    ProtocolVersion,
)

from workload import KEYS, check, keys, value


async def scan_all(client, cluster, pattern):
    seen = set()
    if cluster:
        cursor = ClusterScanCursor()
        while not cursor.is_finished():
            cursor, found = await client.scan(cursor, match=pattern, count=500)
            seen.update(found)
        return seen
    cursor = b"0"
    while True:
        cursor, found = await client.scan(cursor, match=pattern, count=500)
        seen.update(found)
        if cursor == b"0":
            return seen


async def run(client, cluster, label):
    await client.flushdb()
    names = list(keys(label))
    for at in range(0, KEYS, 500):
        done = await asyncio.gather(*(client.set(names[n], value(n)) for n in range(at, at + 500)))
        check(all(reply == "OK" for reply in done), label, f"SET at {at}")
    for at in range(0, KEYS, 500):
        got = await asyncio.gather(*(client.get(names[n]) for n in range(at, at + 500)))
        check(got == [value(n) for n in range(at, at + 500)], label, f"GET at {at}")
    for at in range(0, KEYS, 100):
        got = await client.mget(names[at : at + 100])
        check(got == [value(at + i) for i in range(100)], label, f"MGET at {at}")
    for n, key in enumerate(names[:100]):
        check(await client.expire(key, 1000 + n), label, "EXPIRE")
        check(900 < await client.ttl(key) <= 1000 + n, label, "TTL")
    await client.set(f"{label}:ttl", "x", expiry=ExpirySet(ExpiryType.SEC, 50))
    check(0 < await client.ttl(f"{label}:ttl") <= 50, label, "SET EX")
    check(await client.delete([f"{label}:ttl"]) == 1, label, "DEL")
    seen = await scan_all(client, cluster, f"{label}:*")
    check(seen == {name.encode() for name in names}, label, f"SCAN saw {len(seen)} of {KEYS}")
    check(await client.dbsize() == KEYS, label, "DBSIZE")
    print(f"ok {label}: {KEYS} keys")


async def main():
    (cluster_host, cluster_port), (gateway_host, gateway_port) = (a.rsplit(":", 1) for a in sys.argv[1:3])
    for protocol in (ProtocolVersion.RESP2, ProtocolVersion.RESP3):
        config = GlideClusterClientConfiguration([NodeAddress(cluster_host, int(cluster_port))], protocol=protocol)
        client = await GlideClusterClient.create(config)
        await run(client, True, f"glide-cluster-{protocol.name}")
        await client.close()
        config = GlideClientConfiguration([NodeAddress(gateway_host, int(gateway_port))], protocol=protocol)
        client = await GlideClient.create(config)
        await run(client, False, f"glide-gateway-{protocol.name}")
        await client.close()


asyncio.run(main())

"""aiocache: its cache over redis.asyncio, the decorators, optimistic and red locks."""
import asyncio
import random
import threading
import time

import aiocache
from aiocache import Cache, cached, multi_cached
from aiocache.lock import OptimisticLock, OptimisticLockError, RedLock
from aiocache.serializers import PickleSerializer

from frame import DATABASE, HOST, PORT, ROUNDS, Counter, Truth, back, check, done, fault, unconfirmed

CONFIG = {"endpoint": HOST, "port": PORT, "db": DATABASE}
calls = []


async def basics(cache):
    check(await cache.set("a", {"x": [1, b"\x00\xff"]}, ttl=60) and await cache.get("a") == {"x": [1, b"\x00\xff"]}, "set, get")
    check(await cache.add("b", 1), "add")
    try:
        await cache.add("b", 2)
        check(False, "add of what is there")
    except ValueError:
        pass
    pairs = [(f"m{n}", n) for n in range(100)]
    check(await cache.multi_set(pairs, ttl=60), "multi_set")
    check(await cache.multi_get([key for key, _ in pairs] + ["none"]) == [*range(100), None], "multi_get")
    check(await cache.exists("a") and not await cache.exists("none"), "exists")
    check(await cache.expire("a", 1) and await cache.delete("b") == 1, "expire, delete")
    await asyncio.sleep(1.2)
    check(await cache.get("a") is None, "timeout")
    raw = Cache(Cache.REDIS, namespace="raw", **CONFIG)
    check(await raw.increment("n", 5) == 5 and await raw.increment("n", -2) == 3, "increment")

    @cached(ttl=60, cache=Cache.REDIS, serializer=PickleSerializer(), namespace="deco", **CONFIG)
    async def square(n):
        calls.append(n)
        return n * n

    check([await square(n % 10) for n in range(30)] == [(n % 10) ** 2 for n in range(30)] and len(calls) == 10, "cached")

    @multi_cached("ids", ttl=60, cache=Cache.REDIS, serializer=PickleSerializer(), namespace="many", **CONFIG)
    async def users(ids):
        calls.append(ids)
        return {n: f"user {n}" for n in ids}

    calls.clear()
    check(await users(ids=["1", "2"]) == {"1": "user 1", "2": "user 2"}, "multi_cached")
    check(await users(ids=["1", "2"]) == {"1": "user 1", "2": "user 2"} and len(calls) == 1, "multi_cached again")

    await raw.set("opt", "1")
    async with OptimisticLock(raw, "opt") as lock:
        await lock.cas("2")
    check(await raw.get("opt") == "2", "cas")
    try:
        async with OptimisticLock(raw, "opt") as lock:
            await raw.set("opt", "3")
            await lock.cas("4")
        check(False, "cas of a changed value")
    except OptimisticLockError:
        check(await raw.get("opt") == "3", "cas did nothing")
    await raw.close()

    computed = []

    async def once():
        async with RedLock(cache, "lock", lease=5):
            if await cache.get("computed") is None:
                computed.append(1)
                await asyncio.sleep(0.05)
                await cache.set("computed", "yes")

    await asyncio.gather(*[once() for _ in range(5)])
    check(computed == [1], f"a red lock let {len(computed)} compute")
    check(await cache.clear() and await cache.get("computed") is None, "clear")


async def ask(what):
    await asyncio.get_running_loop().run_in_executor(None, what)


async def main():
    cache = Cache(Cache.REDIS, serializer=PickleSerializer(), namespace="main", **CONFIG)
    await basics(cache)
    truth, stop, longest, steps = Truth(), asyncio.Event(), [0.0], [0]

    async def write(values, coroutine):
        may = dict(truth.may)
        try:
            await coroutine
            for key, value in values.items():
                truth.write({key: value}, lambda: None)
        except Exception as error:
            if not unconfirmed(error):
                raise
            truth.unconfirmed += 1
            for key, value in values.items():
                truth.may[key] = may.get(key, {None}) | {value}

    async def load(thread):
        chance, n = random.Random(thread), 0
        while not stop.is_set():
            n += 1
            began = time.monotonic()
            key = f"{thread}:{chance.randrange(300)}"
            what = chance.randrange(4)
            if what == 0:
                await write({key: f"{key}={n}"}, cache.set(key, f"{key}={n}", ttl=600))
            elif what == 1:
                many = {f"{thread}:{chance.randrange(300)}": n for _ in range(5)}
                await write(many, cache.multi_set(list(many.items()), ttl=600))
            elif what == 2:
                names = [f"{thread}:{chance.randrange(300)}" for _ in range(5)]
                truth.read(dict(zip(names, await cache.multi_get(names))))
            else:
                truth.read({key: await cache.get(key)})
            longest[0] = max(longest[0], time.monotonic() - began)
            steps[0] += 1

    async def faults():
        for _ in range(ROUNDS):
            await asyncio.sleep(0.7)
            await ask(fault)
            await asyncio.sleep(4)
            await ask(back)
        await asyncio.sleep(0.7)
        stop.set()

    await asyncio.gather(faults(), *[load(thread) for thread in range(3)])
    for key in truth.may:
        truth.read({key: await cache.get(key)})
    await cache.close()
    done(keys=len(truth.may), unconfirmed=truth.unconfirmed, steps=steps[0], longest_ms=round(1000 * longest[0]))


asyncio.run(main())

"""redis.asyncio: a pool of connections with pipelines, transactions and a subscriber; RedisCluster where the first node dies, which
may meet errors for some seconds then."""
import asyncio
import random
import time

import redis.asyncio as redis
from redis.asyncio.cluster import ClusterNode

from frame import CLUSTER, DATABASE, HOST, OWN, PORT, ROUNDS, Truth, back, check, done, fault, unconfirmed


async def ask(what):
    await asyncio.get_running_loop().run_in_executor(None, what)


async def subscriber(client, heard, ready):
    async with client.pubsub() as pubsub:
        await pubsub.subscribe("news")
        ready.set()
        async for message in pubsub.listen():
            if message["type"] == "message":
                heard.append(message["data"])


async def main():
    if OWN:
        nodes = [ClusterNode(*address.rsplit(":", 1)) for address in CLUSTER]
        client = redis.RedisCluster(startup_nodes=nodes, decode_responses=True)
    else:
        client = redis.Redis(host=HOST, port=PORT, db=DATABASE, decode_responses=True)
    truth, stop, longest, steps, errors, killed = Truth(), asyncio.Event(), 0.0, 0, 0, float("-inf")
    # The cluster door has database 0 alone, which is eventual.
    truth.settled = truth.settled and not OWN

    def wrote(values, sure):
        for key, value in values.items():
            lost = set() if truth.settled else {None}
            truth.may[key] = {value} if sure and truth.settled else truth.may.get(key, {None}) | {value} | lost

    async def write(values, coroutine):
        try:
            await coroutine
            wrote(values, True)
        except Exception as error:
            wrote(values, False)
            if not unconfirmed(error):
                raise
            truth.unconfirmed += 1

    async def transaction(values):
        async with client.pipeline(transaction=True) as pipe:
            for key, value in values.items():
                pipe.set(key, value, ex=600)
            check(await pipe.execute() == [True] * len(values), "a transaction")

    async def pipeline(values):
        async with client.pipeline(transaction=False) as pipe:
            for key, value in values.items():
                pipe.set(key, value, ex=600)
            check(await pipe.execute() == [True] * len(values), "a pipeline")

    async def load(thread):
        nonlocal longest, steps, errors
        chance, n = random.Random(thread), 0
        while not stop.is_set():
            n += 1
            began = time.monotonic()
            tag = chance.randrange(100)
            many = {f"{thread}:{{{tag}}}:{part}": f"{thread}:{tag}:{part}={n}" for part in range(3)}
            what = chance.randrange(4)
            try:
                if what == 0:
                    await write(many, transaction(many))
                elif what == 1:
                    await write(many, pipeline(many))
                elif what == 2:
                    await write(many, client.mset(many))
                else:
                    truth.read(dict(zip(many, await client.mget(list(many)))))
            except redis.RedisError:
                if not OWN or time.monotonic() > killed + 3:
                    raise
                errors += 1
            longest = max(longest, time.monotonic() - began)
            steps += 1

    heard, ready, listening = [], asyncio.Event(), None
    if not OWN:
        listening = asyncio.create_task(subscriber(client, heard, ready))
        await ready.wait()

    async def faults():
        nonlocal killed
        for _ in range(ROUNDS):
            await asyncio.sleep(0.7)
            killed = time.monotonic()
            await ask(fault)
            await asyncio.sleep(4)
            await ask(back)
        await asyncio.sleep(0.7)
        stop.set()

    await asyncio.gather(faults(), *[load(thread) for thread in range(3)])
    for key in truth.may:
        truth.read({key: await client.get(key)})
    if listening:
        for n in range(100):
            await client.publish("news", n)
        deadline = time.monotonic() + 5
        while len(heard) < 100 and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        check(heard == [str(n) for n in range(100)], f"a subscriber heard {len(heard)} of 100")
        listening.cancel()
    await client.aclose()
    done(keys=len(truth.may), unconfirmed=truth.unconfirmed, steps=steps, errors=errors, longest_ms=round(1000 * longest))


asyncio.run(main())

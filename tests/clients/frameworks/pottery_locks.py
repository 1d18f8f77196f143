"""pottery: Redlock, NextID and its containers, through the loss of a node."""
import time

from pottery import NextID, RedisCounter, RedisDeque, RedisDict, RedisSet, Redlock
from redis import Redis

from frame import URL, check, done, through_faults, unconfirmed

redis = Redis.from_url(URL)
users = RedisDict({"ann": 1, "bob": [2]}, redis=redis, key="users")
check(dict(users) == {"ann": 1, "bob": [2]} and users.pop("ann") == 1 and len(users) == 1, "RedisDict")
tags = RedisSet(range(20), redis=redis, key="tags")
check(set(tags) == set(range(20)) and 7 in tags and len(tags) == 20, "RedisSet")
words = RedisCounter("abracadabra", redis=redis, key="words")
check(words["a"] == 5, "RedisCounter")
recent = RedisDeque(maxlen=3, redis=redis, key="recent")
for n in range(5):
    recent.append(n)
check(list(recent) == [2, 3, 4], "RedisDeque")
again = Redlock(key="again", masters={redis}, auto_release_time=0.5)
check(again.acquire() and 0.1 < again.locked() <= 0.5, "a lock is held")
check(not Redlock(key="again", masters={redis}, auto_release_time=0.5).acquire(blocking=False), "a lock that is held")
again.extend()
again.release()
check(Redlock(key="again", masters={redis}, auto_release_time=0.5).acquire(timeout=1), "a lock that was released")

inside, held, ids, given = [], [0, 0, 0], [], NextID(key="ids", masters={redis}, num_tries=3)


def step(thread, chance):
    name = chance.randrange(3)
    lock = Redlock(key=f"lock{name}", masters={redis}, auto_release_time=10)
    try:
        began = time.monotonic()
        if lock.acquire(timeout=1) and time.monotonic() - began < 8:
            check(name not in inside, f"two inside lock{name}")
            inside.append(name)
            time.sleep(0.002)
            inside.remove(name)
            held[thread] += 1
            lock.release()
    except Exception as error:
        # What the one server of this lock answered is told as a lack of a quorum.
        if not unconfirmed(error) and type(error).__name__ not in ("QuorumNotAchieved", "QuorumIsImpossible", "ReleaseUnlockedLock"):
            raise
    if thread == 0:
        try:
            ids.append(next(given))
        except Exception as error:
            if not unconfirmed(error) and not type(error).__name__.startswith("Quorum"):
                raise


figures = through_faults(step, threads=3)
check(min(held) > 10, f"got in {held}")
check(len(ids) == len(set(ids)) and ids == sorted(ids) and len(ids) > 10, "NextID gave a number twice")
check(dict(users) == {"bob": [2]} and set(tags) == set(range(20)) and list(recent) == [2, 3, 4], "containers afterwards")
done(held=sum(held), ids=len(ids), **figures)

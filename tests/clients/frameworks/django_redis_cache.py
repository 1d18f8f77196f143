"""django-redis: what it adds to Django's cache: patterns, ttl, locks, incr by a script, sets and hashes."""
import threading
import time

from django.conf import settings

from frame import URL, Counter, Truth, check, done, through_faults

settings.configure(
    CACHES={
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": URL,
            "OPTIONS": {"CLIENT_CLASS": "django_redis.client.DefaultClient"},
        }
    },
    SECRET_KEY="of this test",
)
import django

django.setup()
from django.core.cache import cache

cache.clear()
cache.set_many({f"user:{n}": n for n in range(300)}, 60)
cache.set_many({f"other:{n}": n for n in range(300)}, 60)
check(set(cache.keys("user:*")) == {f"user:{n}" for n in range(300)}, "keys")
check(set(cache.iter_keys("other:*")) == {f"other:{n}" for n in range(300)}, "iter_keys")
check(cache.delete_pattern("other:*") == 300 and not list(cache.iter_keys("other:*")), "delete_pattern")
check(55 < cache.ttl("user:1") <= 60 and 55_000 < cache.pttl("user:1") <= 60_000 and cache.ttl("none") == 0, "ttl")
check(cache.persist("user:1") and cache.ttl("user:1") is None, "persist")
check(cache.expire("user:1", 30) and cache.pexpire("user:2", 30_000) and cache.ttl("user:2") <= 30, "expire")
check(cache.set("nx", 1, nx=True) and not cache.set("nx", 2, nx=True) and cache.get("nx") == 1, "set nx")
check(cache.incr("nx", 5) == 6 and cache.decr("nx") == 5, "incr by the client")
cache.set("kept", 1, timeout=60)
check(cache.incr("kept", ignore_key_check=True) == 2 and cache.ttl("kept") > 50, "incr keeps the time to live")
try:
    cache.incr("none")
    check(False, "incr of nothing")
except ValueError:
    pass
check(cache.sadd("set", 1, "two") == 2 and cache.smembers("set") == {1, "two"} and cache.scard("set") == 2, "sets")
check(cache.hset("hash", "f", "v") == 1 and cache.hlen("hash") == 1 and cache.hexists("hash", "f"), "hashes")

inside, most, rounds = [], [], 25


def contend():
    for _ in range(rounds):
        with cache.lock("mutex", timeout=20, sleep=0.005):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.001)
            inside.pop()


contenders = [threading.Thread(target=contend) for _ in range(3)]
for thread in contenders:
    thread.start()
for thread in contenders:
    thread.join(60)
check(len(most) == 3 * rounds and max(most) == 1, f"{len(most)} holders of a lock, {max(most)} at once")

truth, counters, written = Truth(), [Counter(), Counter()], [0, 0]
for thread in range(2):
    cache.set(f"count{thread}", 0, None)


def step(thread, chance):
    written[thread] += 1
    n, key = written[thread], f"{thread}:{chance.randrange(300)}"
    what = chance.randrange(4)
    if what == 0:
        truth.write({key: f"{key}={n}"}, lambda: cache.set(key, f"{key}={n}", 600))
    elif what == 1:
        counters[thread].add(lambda: cache.incr(f"count{thread}"))
    elif what == 2:
        many = {f"{thread}:{chance.randrange(300)}": n for _ in range(5)}
        truth.write(many, lambda: cache.set_many(many, 600))
    else:
        truth.read({key: cache.get(key)})


figures = through_faults(step)
truth.read({key: cache.get(key) for key in truth.may})
for thread in range(2):
    counters[thread].read(cache.get(f"count{thread}"))
done(keys=len(truth.may), unconfirmed=truth.unconfirmed + sum(c.perhaps for c in counters), **figures)

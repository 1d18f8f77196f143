"""Django's own Redis cache and sessions in it."""
import time

from django.conf import settings

from frame import DATABASE, URL, Counter, Truth, check, done, through_faults

settings.configure(
    CACHES={"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": URL, "KEY_PREFIX": "django"}},
    INSTALLED_APPS=["django.contrib.sessions"],
    SESSION_ENGINE="django.contrib.sessions.backends.cache",
    SECRET_KEY="of this test",
)
import django

django.setup()
from django.contrib.sessions.backends.cache import SessionStore
from django.core.cache import cache


def basics():
    cache.clear()
    check(cache.get("none") is None and cache.get("none", 7) == 7, "get of nothing")
    cache.set("a", {"bytes": b"\x00\xff", "text": "ü", "list": [1, 2.5, None]}, 60)
    check(cache.get("a") == {"bytes": b"\x00\xff", "text": "ü", "list": [1, 2.5, None]}, "a pickled value")
    check(cache.add("b", 1, 60) and not cache.add("b", 2, 60) and cache.get("b") == 1, "add")
    check(cache.get_or_set("c", lambda: 5, 60) == 5 and cache.get_or_set("c", 6, 60) == 5, "get_or_set")
    check(cache.incr("b") == 2 and cache.incr("b", 10) == 12 and cache.decr("b", 2) == 10, "incr, decr")
    try:
        cache.incr("none")
        check(False, "incr of nothing")
    except ValueError:
        pass
    check(cache.set_many({f"m{n}": n for n in range(200)}, 60) == [], "set_many")
    got = cache.get_many([f"m{n}" for n in range(250)])
    check(got == {f"m{n}": n for n in range(200)}, f"get_many found {len(got)}")
    cache.delete_many([f"m{n}" for n in range(100)])
    check(len(cache.get_many([f"m{n}" for n in range(250)])) == 100, "delete_many")
    check(cache.delete("c") and not cache.delete("c") and not cache.has_key("c") and "a" in cache, "delete, has_key")
    cache.set("v", "one", version=1)
    cache.set("v", "two", version=2)
    check((cache.get("v"), cache.get("v", version=2)) == ("one", "two"), "versions")
    cache.set("w", "x")
    check(cache.incr_version("w") == 2 and cache.get("w") is None and cache.get("w", version=2) == "x", "incr_version")
    check(cache.decr_version("w", version=2) == 1 and cache.get("w") == "x", "decr_version")
    cache.set("short", 1, 1)
    cache.set("touched", 1, 1)
    cache.set("ever", 1, 1)
    cache.set("gone", 1, 0)
    check(cache.touch("touched", 60) and cache.touch("ever", None) and not cache.touch("none"), "touch")
    check(cache.get("gone") is None, "timeout 0")
    time.sleep(1.2)
    check((cache.get("short"), cache.get("touched"), cache.get("ever")) == (None, 1, 1), "timeouts")

    session = SessionStore()
    session["user"] = 42
    session.set_expiry(300)
    session.create()
    key = session.session_key
    again = SessionStore(key)
    check(again["user"] == 42 and again.exists(key), "a session is there again")
    again["cart"] = ["x"] * 100
    again.save()
    again.cycle_key()
    check(not SessionStore().exists(key) and SessionStore(again.session_key)["cart"] == ["x"] * 100, "cycle_key")
    again.flush()
    check(SessionStore(key).get("user") is None, "a flushed session")


basics()
truth, counters, sessions = Truth(), [Counter(), Counter()], [SessionStore(), SessionStore()]
for thread in range(2):
    cache.set(f"count{thread}", 0, None)
    sessions[thread].create()
written = [0, 0]


def step(thread, chance):
    """Each thread has its own keys; they are spread over all nodes."""
    written[thread] += 1
    n, key = written[thread], f"{thread}:{chance.randrange(300)}"
    what = chance.randrange(7)
    if what < 2:
        truth.write({key: f"{key}={n}"}, lambda: cache.set(key, f"{key}={n}", 600))
    elif what == 2:
        many = {f"{thread}:{chance.randrange(300)}": None for _ in range(10)}
        many = {name: f"{name}={n}" for name in many}
        truth.write(many, lambda: cache.set_many(many, 600))
    elif what == 3:
        names = [f"{thread}:{chance.randrange(300)}" for _ in range(10)]
        got = cache.get_many(names)
        truth.read({name: got.get(name) for name in names})
    elif what == 4:
        counters[thread].add(lambda: cache.incr(f"count{thread}"))
    elif what == 5:
        session = SessionStore(sessions[thread].session_key)
        truth.read({f"session{thread}": session.get("n")})
        session["n"] = n
        truth.write({f"session{thread}": n}, session.save)
    else:
        truth.read({key: cache.get(key)})


figures = through_faults(step)
for key in truth.may:
    if key.startswith("session"):
        truth.read({key: SessionStore(sessions[int(key[7:])].session_key).get("n")})
    else:
        truth.read({key: cache.get(key)})
for thread in range(2):
    counters[thread].read(cache.get(f"count{thread}"))
cache.clear()
check(cache.get("0:1") is None and not cache.get_many(list(truth.may)), "clear")
done(database=DATABASE, keys=len(truth.may), unconfirmed=truth.unconfirmed + sum(c.perhaps for c in counters), **figures)

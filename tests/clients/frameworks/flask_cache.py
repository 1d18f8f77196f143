"""Flask-Caching: cached views, memoized functions and the cache itself; RedisClusterCache where the first node is the one that
dies: its requests for many keys take those of one slot, and its clear() asks one node alone, whatever the server."""
import time

from flask import Flask
from flask_caching import Cache

from frame import CLUSTER, DATABASE, HOST, OWN, PORT, Truth, check, done, through_faults

app = Flask("flask-caching")
calls = {"view": 0, "square": 0}
if OWN:
    config = {"CACHE_TYPE": "RedisClusterCache", "CACHE_REDIS_CLUSTER": ",".join(CLUSTER)}
else:
    config = {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_HOST": HOST, "CACHE_REDIS_PORT": PORT, "CACHE_REDIS_DB": DATABASE}
cache = Cache(app, config={**config, "CACHE_DEFAULT_TIMEOUT": 300, "CACHE_KEY_PREFIX": "flask_"})


@app.route("/page/<int:n>")
@cache.cached(timeout=300)
def page(n):
    calls["view"] += 1
    return f"page {n}, call {calls['view']}"


@cache.memoize(300)
def square(n):
    calls["square"] += 1
    return n * n


web = app.test_client()
with app.app_context():
    first = [web.get(f"/page/{n}").text for n in range(50)]
    check([web.get(f"/page/{n}").text for n in range(50)] == first and calls["view"] == 50, "cached views")
    check([square(n) for n in range(50)] == [n * n for n in range(50)] == [square(n) for n in range(50)], "memoize")
    check(calls["square"] == 50, f"memoize called {calls['square']} times")
    cache.delete_memoized(square, 7)
    check(square(7) == 49 and calls["square"] == 51, "delete_memoized of one")
    cache.delete_memoized(square)
    check(square(8) == 64 and calls["square"] == 52, "delete_memoized of all")
    check(cache.set("a", [1, "ü"], timeout=1) and cache.get("a") == [1, "ü"] and cache.has("a"), "set, get, has")
    check(cache.add("b", 1) and not cache.add("b", 2), "add")
    time.sleep(1.2)
    check(cache.get("a") is None, "timeout")
    names = [f"{{m}}{n}" for n in range(100)]
    check(len(cache.set_many({name: name for name in names}, timeout=300)) > 0, "set_many")
    check(cache.get_many(*names) == names and cache.get_dict(*names) == {name: name for name in names}, "get_many")
    check(sorted(cache.delete_many(*names[:50])) == sorted(names[:50]) and cache.get_many(*names[:50]) == [None] * 50, "delete_many")
    if not OWN:
        check(cache.clear() and cache.get("b") is None and cache.get_many(*names) == [None] * 100, "clear")

truth, written = Truth(), [0, 0]


def step(thread, chance):
    with app.app_context():
        written[thread] += 1
        n, key = written[thread], f"{thread}:{chance.randrange(200)}"
        what = chance.randrange(4)
        if what == 0:
            truth.write({key: f"{key}={n}"}, lambda: check(cache.set(key, f"{key}={n}"), "set"))
        elif what == 1:
            tag = f"{thread}:{{{chance.randrange(10)}}}:" if OWN else f"{thread}:"
            many = {f"{tag}{chance.randrange(20 if OWN else 200)}": None for _ in range(5)}
            many = {name: f"{name}={n}" for name in many}
            truth.write(many, lambda: cache.set_many(many))
        elif what == 2:
            page = chance.randrange(50)
            check(web.get(f"/page/{page}").text.startswith(f"page {page},"), "a view's page")
        else:
            truth.read({key: cache.get(key)})


figures = through_faults(step, errors_for=3.0 if OWN else 0.0)
with app.app_context():
    truth.read({key: cache.get(key) for key in truth.may})
    truth.settled = True
    for key in truth.may:
        truth.write({key: f"{key} anew"}, lambda: cache.set(key, f"{key} anew"))
    truth.read({key: cache.get(key) for key in truth.may})
done(keys=len(truth.may), unconfirmed=truth.unconfirmed, **figures)

"""redlock-py: contenders for one lock, through the loss of a node: never two inside, and all get in."""
import time

from redlock import Redlock

from frame import DATABASE, HOST, PORT, check, done, through_faults, unconfirmed

SERVERS = [{"host": HOST, "port": PORT, "db": DATABASE}]
single = Redlock(SERVERS, retry_count=1)
lock = single.lock("one", 300)
check(lock and not single.lock("one", 300), "a lock that is held")
check(single.unlock(lock) is not False and single.lock("one", 100), "unlock")
time.sleep(0.2)
check(single.lock("one", 100), "a lock that ran out")

managers = [Redlock(SERVERS, retry_count=3, retry_delay=0.05) for _ in range(3)]
inside, held = [], [0, 0, 0]


def step(thread, chance):
    name = chance.randrange(3)
    began = time.monotonic()
    try:
        lock = managers[thread].lock(f"lock{name}", 10_000)
    except Exception as error:  # the answer was lost with the node: it may be held until it runs out
        if not unconfirmed(error):
            raise
        return
    if not lock or time.monotonic() - began > 8:
        return
    check(name not in inside, f"two inside lock{name}")
    inside.append(name)
    time.sleep(0.002)
    inside.remove(name)
    held[thread] += 1
    try:
        managers[thread].unlock(lock)
    except Exception as error:
        if not unconfirmed(error):
            raise


figures = through_faults(step, threads=3)
check(min(held) > 20, f"got in {held}")
last = Redlock(SERVERS, retry_count=60, retry_delay=0.2)
for name in range(3):
    check(last.lock(f"lock{name}", 1000), f"lock{name} cannot be had any more")
done(held=sum(held), **figures)

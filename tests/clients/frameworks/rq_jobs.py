"""The jobs of rq_queue.py."""
import os

from redis import Redis


def square(n):
    return n * n


def flaky(n):
    """Fails the first time that a job of this number runs."""
    redis = Redis.from_url(os.environ["RQ_URL"])
    if redis.incr(f"flaky:{n}") < 2:
        raise RuntimeError("not yet")
    return -n

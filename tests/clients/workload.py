"""What every Python client does with: the keys, their binary values, and a check that stops at the first wrong byte."""
import random
import sys

KEYS = 10_000
BLOB = random.Random(7).randbytes(1 << 16)


def keys(label):
    """Ten keys share a hash tag, so that some multi-key commands stay in one slot."""
    return (f"{label}:{{g{n // 10}}}:{n}" for n in range(KEYS))


def value(n):
    size = 1 + (n * 7919) % 900
    return BLOB[n % 60_000 : n % 60_000 + size]


def check(ok, label, what):
    if not ok:
        sys.exit(f"FAILED {label}: {what}")

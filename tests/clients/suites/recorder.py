"""pytest plugin: runs a suite as it is, says which tests do not apply and why, and writes what became of each.

A test that never opens a connection to the server under test says nothing about it: it is told apart as `offline`.
"""

import fnmatch
import importlib
import json
import os
import sys
import tracemalloc

import pytest

SUITE = os.environ["SUITE"]
SERVER_PORTS = {int(port) for port in os.environ["SERVER_PORTS"].split(",")}
RECORD = os.environ["RECORD"]
LIST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "not-applicable.txt")

connected = False
deselected = 0


def listen(event, args):
    global connected
    if event == "socket.connect":
        address = args[1]
        if isinstance(address, tuple) and address[1] in SERVER_PORTS:
            connected = True


sys.addaudithook(listen)


def rules():
    """The lines of the list: suite and pattern of test ids as they stand, the pattern, the reason."""
    found = []
    with open(LIST, encoding="utf-8") as lines:
        for line in lines:
            if not line.strip() or line.startswith("#"):
                continue
            suite, pattern, reason = line.strip().split(None, 2)
            found.append((f"{suite} {pattern}", suite, pattern.replace("[", "[[]"), reason))
    return found


RULES = rules()
USED = set()
OUTCOME = {}


def reason_against(nodeid):
    for line, suite, pattern, reason in RULES:
        if suite in (SUITE, "*") and fnmatch.fnmatchcase(nodeid, pattern):
            USED.add(line)
            return reason
    return None


@pytest.hookimpl(wrapper=True)
def pytest_sessionstart():
    # redis-py's suite traces every allocation, for nothing that a test asks of it.
    tracemalloc.start = lambda *frames: None
    if SUITE != "valkey-py":
        return (yield)
    # This suite asks which Valkey this is before it begins; the Redis version says what the server can.
    client = importlib.import_module("valkey").Valkey
    info = client.info
    client.info = lambda *args, **kwargs: (found := info(*args, **kwargs)) | {"valkey_version": found["redis_version"]}
    try:
        return (yield)
    finally:
        client.info = info


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        reason = reason_against(item.nodeid)
        if reason:
            item.add_marker(pytest.mark.skip(reason="not applicable: " + reason))
            item.own_markers.insert(0, item.own_markers.pop())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    global connected
    connected = False
    done = yield
    if item.nodeid in OUTCOME:
        OUTCOME[item.nodeid]["connected"] = connected
    return done


def pytest_deselected(items):
    global deselected
    deselected += len(items)


def pytest_runtest_logreport(report):
    entry = OUTCOME.setdefault(report.nodeid, {"outcome": "passed", "reason": "", "connected": False})
    if report.skipped:
        if hasattr(report, "wasxfail"):
            return
        entry["outcome"] = "skipped"
        entry["reason"] = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else str(report.longrepr)
    elif report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        entry["outcome"] = "failed"
        entry["reason"] = (crash.message if crash else str(report.longrepr)).strip()[:1000]
        entry["text"] = str(report.longrepr)[-6000:]


def pytest_sessionfinish():
    unused = [line for line, *_ in RULES if line not in USED]
    with open(RECORD, "w", encoding="utf-8") as out:
        json.dump({"tests": OUTCOME, "deselected": deselected, "unused": unused}, out)

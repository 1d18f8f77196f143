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
    """The lines of the list for this suite: pattern of test ids, reason."""
    found = []
    with open(LIST, encoding="utf-8") as lines:
        for line in lines:
            if not line.strip() or line.startswith("#"):
                continue
            suite, pattern, reason = line.strip().split(None, 2)
            if suite in (SUITE, "*"):
                found.append((pattern.replace("[", "[[]"), reason))
    return found


RULES = rules()
USED = set()
OUTCOME = {}


def reason_against(nodeid):
    for pattern, reason in RULES:
        if fnmatch.fnmatchcase(nodeid, pattern):
            USED.add(pattern)
            return reason
    return None


def pytest_configure(config):
    # redis-py's suite traces every allocation, for nothing that a test asks of it.
    tracemalloc.start = lambda *frames: None
    # valkey-py's suite asks which Valkey this is; the Redis version says what the server can.
    if SUITE == "valkey-py":
        client = importlib.import_module("valkey").Valkey
        info = client.info

        def with_version(self, *args, **kwargs):
            found = info(self, *args, **kwargs)
            if isinstance(found, dict) and "redis_version" in found:
                found.setdefault("valkey_version", found["redis_version"])
            return found

        client.info = with_version


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
    unused = [pattern for pattern, _ in RULES if pattern not in USED]
    with open(RECORD, "w", encoding="utf-8") as out:
        json.dump({"tests": OUTCOME, "deselected": deselected, "unused": unused}, out)

"""Django's test runner, which writes what became of each test, as recorder.py does for pytest."""

import json
import os

from django.test.runner import DiscoverRunner


class Runner(DiscoverRunner):
    def run_suite(self, suite, **kwargs):
        tests = {test.id(): {"outcome": "passed", "reason": "", "connected": True} for test in suite}
        result = super().run_suite(suite, **kwargs)
        for test, reason in result.skipped:
            tests[test.id()] = {"outcome": "skipped", "reason": reason, "connected": False}
        for test, text in result.failures + result.errors:
            entry = {"outcome": "failed", "reason": text.strip().rsplit("\n", 1)[-1], "text": text, "connected": True}
            # A test may fail in part, or a whole class before any of its tests.
            tests[getattr(test, "test_case", test).id()] = entry
        with open(os.environ["RECORD"], "w", encoding="utf-8") as out:
            json.dump({"tests": tests}, out)
        return result

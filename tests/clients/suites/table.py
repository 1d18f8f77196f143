"""Prints what became of the suites: a table, every failure with its reason, and why what did not run did not.

table.py FOLDER TARGETS SUITE...; exit code 1 when a record is missing or less than the bar passes.
"""

import collections
import json
import os
import sys

BAR = 0.97


def main():
    folder, targets, suites = sys.argv[1], sys.argv[2].split(), sys.argv[3:]
    lines, failures, skips, unused, is_well = [], [], [], [], True
    for suite in suites:
        for target in targets:
            if suite == "django" and target == "cluster":
                continue
            path = os.path.join(folder, f"{suite}-{target}.json")
            if not os.path.exists(path):
                print(f"{suite} on {target} left no record: see {path.removesuffix('json')}log", file=sys.stderr)
                is_well = False
                continue
            with open(path, encoding="utf-8") as file:
                record = json.load(file)
            tests = record["tests"]
            of = collections.Counter()
            why = collections.Counter()
            for name, test in sorted(tests.items()):
                kind = test["outcome"]
                if kind == "passed" and not test["connected"]:
                    kind = "offline"
                of[kind] += 1
                if kind == "failed":
                    failures.append(f"{suite} {target} {name}\n    " + test["reason"].replace("\n", " ")[:300])
                elif kind == "skipped":
                    why[test["reason"]] += 1
            for reason, count in why.most_common():
                skips.append(f"{suite} {target} {count:5}  {reason}")
            if record.get("deselected"):
                skips.append(f"{suite} {target} {record['deselected']:5}  marked for another kind of server by the suite")
            if "unused" in record:
                unused.append(set(record["unused"]))
            applies = of["passed"] + of["failed"]
            share = of["passed"] / applies if applies else 0.0
            is_well &= share >= BAR
            lines.append(
                f"{suite:<10} {target:<8} {of['passed']:7} {of['failed']:7} {share:8.1%}"
                f" {of['skipped'] + record.get('deselected', 0):15} {of['offline']:8}"
            )
    # The list is one of tests that exist: a pattern for none is told once everything was run.
    if len(unused) == 8:
        for pattern in sorted(set.intersection(*unused)):
            print(f"no test is like {pattern}", file=sys.stderr)
            is_well = False
    if failures:
        print("\nFailed\n" + "\n".join(failures))
    if skips:
        print("\nNot applicable\n" + "\n".join(skips))
    print(f"\n{'suite':<10} {'target':<8} {'passed':>7} {'failed':>7} {'':>8} {'not applicable':>15} {'offline':>8}")
    print("\n".join(lines))
    print("offline: passed without speaking to the server, in no figure")
    sys.exit(0 if is_well else 1)


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No-op calls through the executors of CPython's concurrent.futures.

  executors.py rate processes|threads TASKS WORKERS   submit all, as_completed: prints tasks_per_s=...
  executors.py ping processes|threads CALLS WORKERS   one call at a time: prints p50_us=...
"""
import statistics
import sys
import time
from concurrent import futures

POOLS = {"processes": futures.ProcessPoolExecutor, "threads": futures.ThreadPoolExecutor}


def noop(value):
    return value


def rate(pool, tasks):
    begin = time.perf_counter()
    pending = [pool.submit(noop, i) for i in range(tasks)]
    ended = sum(1 for _ in futures.as_completed(pending))
    assert ended == tasks
    print(f"tasks_per_s={tasks / (time.perf_counter() - begin):.0f}")


def ping(pool, calls):
    micros = []
    for i in range(calls):
        begin = time.perf_counter()
        pool.submit(noop, i).result()
        micros.append((time.perf_counter() - begin) * 1e6)
    print(f"p50_us={statistics.median(micros):.2f}")


def main():
    what, kind, count, workers = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    with POOLS[kind](workers) as pool:
        for started in [pool.submit(noop, i) for i in range(workers * 4)]:
            started.result()
        {"rate": rate, "ping": ping}[what](pool, count)


if __name__ == "__main__":
    main()

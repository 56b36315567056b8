#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No-op calls through the executors of CPython's concurrent.futures.

  executors.py rate processes|threads TASKS WORKERS   submit all, as_completed: prints tasks_per_s=...
  executors.py ping processes|threads CALLS WORKERS   one call at a time: prints p50_us=...
  executors.py map processes|threads ITEMS WORKERS    map in the best of three chunk sizes: prints items_per_s=...
  executors.py life spawn|fork CALLS WORKERS          a pool made, CALLS calls run, the pool gone: prints seconds=...
"""
import multiprocessing
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


def map_rate(pool, items):
    best = 0.0
    for chunksize in (500, 5_000, 50_000):
        begin = time.perf_counter()
        assert sum(1 for _ in pool.map(noop, range(items), chunksize=chunksize)) == items
        best = max(best, items / (time.perf_counter() - begin))
    print(f"items_per_s={best:.0f}")


def life(method, calls, workers):
    begin = time.perf_counter()
    with futures.ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context(method)) as pool:
        for started in [pool.submit(noop, i) for i in range(calls)]:
            started.result()
    print(f"seconds={time.perf_counter() - begin:.5f}")


def main():
    what, kind, count, workers = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    if what == "life":
        return life(kind, count, workers)
    with POOLS[kind](workers) as pool:
        for started in [pool.submit(noop, i) for i in range(workers * 4)]:
            started.result()
        {"rate": rate, "ping": ping, "map": map_rate}[what](pool, count)


if __name__ == "__main__":
    main()

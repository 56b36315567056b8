#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The twenty flags as one would fetch them in Python: requests, and an executor of concurrent.futures.

  flags.py sequential|threads|processes BASE_URL DIR
"""
import os
import sys
from concurrent import futures

import requests

POP20 = "CN IN US ID BR PK NG BD RU JP MX PH VN ET EG DE IR TR CD FR".split()


def fetch(base, code, folder):
    name = code.lower()
    answer = requests.get(f"{base}/{name}/{name}.gif", timeout=30)
    answer.raise_for_status()
    with open(os.path.join(folder, f"{code}.gif"), "wb") as file:
        file.write(answer.content)


def main():
    kind, base, folder = sys.argv[1:]
    arguments = [base] * len(POP20), sorted(POP20), [folder] * len(POP20)
    if kind == "sequential":
        list(map(fetch, *arguments))
        return
    pools = {"threads": futures.ThreadPoolExecutor, "processes": futures.ProcessPoolExecutor}
    with pools[kind](len(POP20)) as pool:
        list(pool.map(fetch, *arguments))


if __name__ == "__main__":
    main()

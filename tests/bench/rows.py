# SPDX-License-Identifier: MIT
"""What scripts/bench measures: a function for each row, registered under the row's number.

A row says what is ours, who else is measured in the same rounds, and which ratio is wanted. To add one: write a
function here, and give it a tiny size for --quick.
"""
import re

from harness import Absent, Contender, Failed, Row

ROWS = {}
CODES = "BD BR CD CN DE EG ET FR ID IN IR JP MX NG PH PK RU TR US VN".split()


def row(number, name, unit):
    def register(function):
        def measured(bench):
            result = Row(number, name, unit)
            try:
                function(bench, result)
            except Absent as reason:
                result.note = str(reason)
            return result

        ROWS[number] = measured
        return function

    return register


@row("P1", "no-op submit + as_completed, 2 workers", "tasks/s")
def no_op_rate(bench, result):
    tasks, messages = bench.count(200_000, 500), bench.count(1_000_000, 2_000)

    def ours():
        return bench.number([bench.ours("pool_bench"), "p1", "--tasks", tasks, "--workers", 2], "tasks_per_s")

    def python(kind):
        return lambda: bench.number(bench.python("executors.py", "rate", kind, tasks, 2), "tasks_per_s")

    def limit():
        return bench.number([bench.ours("zmq_limit"), "rate", messages, 2, 1000], "tasks_per_s")

    bench.take_turns(result, Contender("flagship", ours), [
        Contender("CPython ProcessPoolExecutor", python("processes"), ">= 150"),
        Contender("CPython ThreadPoolExecutor", python("threads"), ">= 12"),
        Contender("bare libzmq, window 1000", limit, ">= 0.8"),
    ])


@row("P2", "submit(no-op).result(), p50", "us")
def no_op_latency(bench, result):
    calls = bench.count(3_000, 50)
    bench.take_turns(result, Contender("flagship", lambda: bench.number(
        [bench.ours("pool_bench"), "p2", "--calls", calls], "p50_us")), [
            Contender("CPython ProcessPoolExecutor", lambda: bench.number(
                bench.python("executors.py", "ping", "processes", calls, 2), "p50_us"), "<= 0.45"),
            Contender("bare libzmq ping-pong", lambda: bench.number(
                [bench.ours("zmq_limit"), "ping", calls, 2], "p50_us"), "<= 0.8"),
        ], rounds=15)


@row("P3", "map of a no-op over ints, 2 workers", "items/s")
def no_op_map(bench, result):
    items, fewer = bench.count(5_000_000, 5_000), bench.count(1_000_000, 2_000)
    bench.take_turns(result, Contender("flagship", lambda: bench.number(
        [bench.ours("pool_bench"), "p3", "--tasks", items, "--workers", 2], "items_per_s")), [
            Contender("CPython ProcessPoolExecutor, best chunks", lambda: bench.number(
                bench.python("executors.py", "map", "processes", fewer, 2), "items_per_s"), ">= 15"),
        ])


@row("P4", "20 workers started, a call each, pool gone", "s")
def pool_life(bench, result):
    workers = bench.count(20, 2)

    def python(method):
        return lambda: bench.number(bench.python("executors.py", "life", method, workers, workers), "seconds")

    bench.take_turns(result, Contender("flagship", lambda: bench.number(
        [bench.ours("pool_bench"), "p4", "--workers", workers], "seconds")), [
            Contender("CPython, spawn", python("spawn"), "<= 0.06"),
            Contender("CPython, fork", python("fork"), "<= 0.85"),
        ])


@row("P5", "fetch small files into memory, 2 workers, 64 at once", "files/s")
def small_files(bench, result):
    files = bench.count(20_000, 200)
    listed = bench.folder / "urls.txt"
    config = bench.folder / "curl.config"

    def serve(folder, port):
        for last_digit in range(10):
            (folder / f"{last_digit}.gif").write_bytes(small_gif(340 + 6 * last_digit))
        return (f"listen 127.0.0.1:{port} backlog=4096;\n"
                rf"location ~ ^/\d*(\d)\.gif$ {{ alias {folder}/$1.gif; }}")

    def fetched(command):
        """Files a second of a command that is told where to save; every file has to be there, whole."""
        with bench.memory_folder() as folder:
            seconds, _ = bench.run(command(folder), cwd=folder)
            for i in range(files):
                saved = folder / f"{i}.gif"
                if not saved.is_file() or saved.stat().st_size != 340 + 6 * (i % 10):
                    raise Failed(f"{' '.join(map(str, command(folder)))}\n  {saved.name} is missing or not whole")
            return files / seconds

    def ours(folder):
        return [bench.ours("flagship"), "fetch", "--from", listed, "--name", "{key}{ext}", "--allow-private",
                "-x", "processes", "-w", 2, "-m", 64, "-q", "-o", folder]

    def curl(folder):
        config.write_text("".join(f'url = "{url}/{i}.gif"\noutput = "{folder}/{i}.gif"\n' for i in range(files)))
        return [bench.peer("curl"), "-q", "-sfZ", "--parallel-immediate", "--parallel-max", 64, "-K", config]

    def wget2(folder):
        return [bench.peer("wget2"), "--no-config", "-q", "--max-threads=64", "--no-robots", "-nd", "-P", folder,
                "-i", listed]

    def aria2(folder):
        return [bench.peer("aria2c"), "--no-conf", "-q", "-j", 64, "--file-allocation=none",
                "--console-log-level=error", "-d", folder, "-i", listed]

    with bench.nginx(serve) as url:
        listed.write_text("".join(f"{url}/{i}.gif\n" for i in range(files)))
        bench.take_turns(result, Contender("flagship", lambda: fetched(ours)), [
            Contender("curl -Z", lambda: fetched(curl), ">= 1.8"),
            Contender("bare libcurl multi, 2 processes", lambda: fetched(
                lambda folder: [bench.ours("curl_limit"), url, files, 2, 32, folder]), ">= 0.9"),
            Contender("wget2", lambda: fetched(wget2)),
            Contender("aria2", lambda: fetched(aria2)),
        ])


@row("P6", "fetch small files into tar shards, 2 workers, 64 at once", "files/s")
def tar_shards(bench, result):
    files = bench.count(20_000, 200)
    listed = bench.folder / "urls-to-shards.txt"

    def rate(sink):
        def measure():
            if not re.search(rf"\b{sink}\b", bench.help([bench.ours("flagship"), "fetch"])):
                raise Absent(f"no --sink {sink} yet")
            with bench.memory_folder() as folder:
                seconds, _ = bench.run([bench.ours("flagship"), "fetch", "--from", listed, "--allow-private", "-w", 2,
                                        "-m", 64, "-q", "-o", folder, "--sink", sink])
                return files / seconds

        return measure

    with bench.nginx(serve_one_gif) as url:
        listed.write_text("".join(f"{url}/{i}.gif\n" for i in range(files)))
        bench.take_turns(result, Contender("--sink tar", rate("tar")), [
            Contender("--sink none", rate("none"), ">= 0.9"),
        ])


@row("P7", "20 flags, each delayed, 20 workers, whole process", "s")
def delayed_flags(bench, result):
    delay = bench.count(1.0, 0.1)

    def seconds(command):
        with bench.memory_folder() as folder:
            taken, _ = bench.run(command(folder))
            if len(list(folder.glob("*.gif"))) != len(CODES):
                raise Failed(f"{' '.join(map(str, command(folder)))}\n  did not save {len(CODES)} flags")
            return taken

    def ours(folder):
        return [bench.ours("flagship"), "fetch", "-s", "REMOTE", "--base-url", url, "--allow-private",
                "-x", "processes", "-w", 20, "-m", 20, "-q", "-o", folder]

    def python(kind):
        return lambda: seconds(lambda folder: bench.python("flags.py", kind, url, folder, needs="requests"))

    with bench.practice_server(delay) as url:
        bench.take_turns(result, Contender("flagship", lambda: seconds(ours)), [
            Contender("the server's delay", lambda: delay, "<= 1.06"),
            Contender("CPython threads", python("threads")),
            Contender("CPython processes", python("processes")),
        ])


@row("P8", "a list of a million URLs, nothing kept: rate in its last tenth", "files/s")
def long_list(bench, result):
    files = bench.count(1_000_000, 2_000)
    listed = bench.folder / "million.txt"

    with bench.nginx(serve_one_gif) as url:
        with listed.open("w") as lines:
            lines.writelines(f"{url}/{i}.gif\n" for i in range(files))
        times, peak = bench.watch_lines([bench.ours("flagship"), "fetch", "--from", listed, "--allow-private", "-w", 2,
                                         "-m", 64, "-v", "-q", "--sink", "none", "-o", bench.folder / "record"], files)
    first, last = (files / 10 / (times[to] - times[since]) for since, to in ((0, 10), (90, 100)))
    result.value = last
    result.compare([last], "its first tenth", [first], ">= 0.95")
    result.bound("the master's memory, of 80 MB", peak / 80e6, "<= 1")


@row("P9", "5,000 transfers in flight, each delayed 0.5 to 5 s, nothing kept", "us of CPU a transfer")
def many_delayed(bench, result):
    transfers, at_once = bench.count(10_000, 100), bench.count(5_000, 50)
    listed = bench.folder / "delayed.txt"

    def ours():
        return bench.cpu_seconds([bench.ours("flagship"), "fetch", "--from", listed, "--allow-private", "-w", 2, "-m",
                                  at_once, "-q", "--sink", "none"]) * 1e6 / transfers

    def limit():
        return bench.cpu_seconds([bench.ours("curl_limit"), url + "/br/br.gif?", transfers, 2, at_once // 2,
                                  "-"]) * 1e6 / transfers

    with bench.practice_server("0.5..5" if not bench.quick else "0.05..0.1") as url:
        listed.write_text("".join(f"{url}/br/br.gif?/{i}.gif\n" for i in range(transfers)))
        bench.take_turns(result, Contender("flagship", ours), [
            Contender("bare libcurl with epoll, 2 processes", limit, "<= 1.2"),
        ], rounds=3)


def arithmetic(micros, wanted):
    def measured(bench, result):
        program = bench.ours("pool_bench")
        rounds = int(bench.number([program, "p10-scale"], "rounds") * micros / 1000)
        sizes = ["--rounds", rounds, "--tasks", bench.count(2_000_000 // micros, 20)]

        def rate(kind):
            return lambda: bench.number([program, kind, *sizes], "tasks_per_s")

        bench.take_turns(result, Contender("flagship", rate("p10")), [
            Contender("two processes alone", rate("p10-bare"), wanted),
        ])

    return measured


for letter, size, least in (("a", 10_000, ">= 0.97"), ("b", 1_000, ">= 0.93"), ("c", 100, ">= 0.88")):
    row(f"P10{letter}", f"{size / 1000:g} ms of arithmetic a task, 2 workers", "tasks/s")(arithmetic(size, least))


@row("P11", "100,000 no-ops in 1,000 workers", "us of CPU a task")
def thousand_workers(bench, result):
    tasks, workers = bench.count(100_000, 500), bench.count(1_000, 12)
    memory = []

    def cpu(count):
        _, printed = bench.run([bench.ours("pool_bench"), "p11", "--tasks", tasks, "--workers", count])
        memory.append(bench.printed(printed, "kb_per_worker"))
        return bench.printed(printed, "cpu_us_per_task")

    def many():
        value = cpu(workers)
        many.memory = memory[-1]
        return value

    bench.take_turns(result, Contender("1,000 workers", many), [Contender("10 workers", lambda: cpu(10), "<= 2")],
                     rounds=3)
    result.bound("the master's memory a worker, of 100 KB", many.memory / 100, "<= 1")


@row("P12", "64 MiB there and back", "bytes/s")
def large_payloads(bench, result):
    size, calls = bench.count(64 << 20, 1 << 20), bench.count(8, 2)
    bench.take_turns(result, Contender("flagship", lambda: bench.number(
        [bench.ours("pool_bench"), "p12", "--bytes", size, "--calls", calls], "bytes_per_s")), [
            Contender("bare libzmq", lambda: bench.number(
                [bench.ours("zmq_limit"), "big", size, calls], "bytes_per_s"), ">= 0.8"),
        ])


@row("P13", "1 ms of arithmetic a task, 2 hosts of a worker each", "tasks/s")
def two_hosts(bench, result):
    program = bench.ours("pool_bench")
    rounds = int(bench.number([program, "p10-scale"], "rounds"))
    with bench.test_bed() as on_master:
        def work(hosts, *sizes):
            return lambda key: bench.number([*on_master, program, "p13", "--hosts", hosts, *sizes], key)

        def file_of(name, *hosts):
            listed = bench.folder / name
            listed.write_text("".join(f'[[host]]\nname = "{host}"\nlauncher = "ssh"\nworkers = {workers}\n'
                                      for host, workers in hosts))
            return listed

        sizes = ["--rounds", rounds, "--tasks", bench.count(4_000, 20)]
        two = work(file_of("two.toml", ("h1", 1), ("h2", 1)), *sizes)
        one = work(file_of("one.toml", ("h1", 2)), *sizes)
        bench.take_turns(result, Contender("flagship", lambda: two("tasks_per_s")), [
            Contender("one host of 2 workers", lambda: one("tasks_per_s"), ">= 0.95"),
        ], rounds=3)
        # 25 ms each way, and calls that wait: four workers would be too many for two processors.
        for host in ("h1", "h2"):
            bench.run([*bench.bed_command, "netem", host, "delay", "25ms"])
        far = work(file_of("far.toml", ("h1", 2), ("h2", 2)), "--sleep", 1000, "--tasks", bench.count(20_000, 20))
        result.bound("busy, of 4 workers on 2 hosts 50 ms away", far("busy"), ">= 0.9")


def serve_one_gif(folder, port):
    """The server block of an nginx that has the same small picture under every name."""
    (folder / "a.gif").write_bytes(small_gif(367))
    return rf"listen 127.0.0.1:{port} backlog=4096;" "\n" rf"location ~ \.gif$ {{ alias {folder}/a.gif; }}"


def small_gif(size):
    """A picture of one dot, with a comment that makes it `size` bytes long."""
    head = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff"
    tail = b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
    blocks, left = b"!\xfe", size - len(head) - len(tail) - 3
    while left > 0:
        length = min(255, left - 1)
        blocks, left = blocks + bytes([length]) + b"x" * length, left - 1 - length
    return head + blocks + b"\x00" + tail

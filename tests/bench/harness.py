# SPDX-License-Identifier: MIT
"""What the rows of scripts/bench are made with: contenders that take turns, programs, folders and servers.

Nothing that is started here outlives the run: each program has a process group of its own, which is killed when
the program ends or the run does, and is told to end should this process be killed.
"""
import contextlib
import ctypes
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from typing import Callable, Optional

HERE = pathlib.Path(__file__).resolve().parent
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class Absent(Exception):
    """A program is not there; the text says what is to be shown in place of a figure."""


class Failed(Exception):
    """A program did not do what it was asked."""


@dataclass
class Contender:
    name: str
    measure: Callable[[], float]
    target: Optional[str] = None  # of ours divided by this one: ">= 1.8" or "<= 0.45"


@dataclass
class Comparison:
    name: str
    value: Optional[float] = None
    ratio: Optional[float] = None  # median of ours divided by this one, round by round
    target: Optional[str] = None
    note: str = ""

    @property
    def met(self):
        if self.ratio is None or self.target is None:
            return None
        relation, bound = self.target.split()
        return self.ratio >= float(bound) if relation == ">=" else self.ratio <= float(bound)


@dataclass
class Row:
    id: str
    name: str
    unit: str
    value: Optional[float] = None
    note: str = ""
    against: list = field(default_factory=list)

    def bound(self, name, value, target):
        """Adds a bound on a value of ours alone: how it compares with `name`, which is not measured."""
        self.against.append(Comparison(name, None, value, target))

    def compare(self, values, name, others, target=None, note=""):
        """Adds a comparison of our values with another's, which were measured in the same rounds."""
        ratios = [mine / other for mine, other in zip(values, others)] if values else []
        self.against.append(Comparison(name, statistics.median(others) if others else None,
                                       statistics.median(ratios) if ratios else None, target, note))


class Bench:
    """One run: how much is measured, and everything that has to be cleaned up after it."""

    def __init__(self, programs, quick=False, rounds=None):
        self.programs = programs
        self.quick = quick
        self.rounds = rounds
        self.processors = 2
        self._stack = contextlib.ExitStack()
        self.folder = pathlib.Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="flagship-bench-")))
        memory = pathlib.Path("/dev/shm")
        self.in_memory = memory.is_dir() and os.access(memory, os.W_OK)
        self._memory = self._stack.enter_context(tempfile.TemporaryDirectory(
            prefix="flagship-bench-", dir=memory if self.in_memory else None))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    # ---- how much -------------------------------------------------------------------------------

    def count(self, full, quick):
        return quick if self.quick else full

    def take_turns(self, row, ours, peers, rounds=5):
        """Measures all contenders in each round, in an order that turns round, and fills in the row.

        A contender that is absent says so in its place; the others are measured all the same."""
        rounds = 1 if self.quick else self.rounds or rounds
        contenders = [ours, *peers]
        values = {contender.name: [] for contender in contenders}
        absent = {}
        for turn in range(rounds):
            progress(f"{row.id}: round {turn + 1} of {rounds}")
            for contender in contenders if turn % 2 == 0 else reversed(contenders):
                if contender.name in absent:
                    continue
                try:
                    values[contender.name].append(contender.measure())
                except Absent as reason:
                    absent[contender.name] = str(reason)
        progress("")
        mine = values[ours.name]
        row.value = statistics.median(mine) if mine else None
        row.note = absent.get(ours.name, "")
        for peer in peers:
            row.compare(mine, peer.name, values[peer.name], peer.target, absent.get(peer.name, ""))

    # ---- programs -------------------------------------------------------------------------------

    def ours(self, name):
        program = self.programs / name
        if not os.access(program, os.X_OK):
            raise Absent("not built")
        return str(program)

    def peer(self, name):
        found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")
        if not found:
            raise Absent("not installed")
        return found

    def python(self, script, *arguments, needs=None):
        python = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
        if needs and subprocess.run([python, "-c", f"import {needs}"], capture_output=True, check=False).returncode:
            raise Absent("not installed")
        return [python, "-B", str(HERE / script), *map(str, arguments)]

    def help(self, command):
        """What a command says with --help."""
        return subprocess.run([*command, "--help"], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=60).stdout

    def run(self, command, cwd=None, limit=600):
        """Runs a program to its end; returns how long that took as a whole, and what it printed."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            begin = time.perf_counter()
            with self._process(command, cwd=cwd, stdout=out, stderr=err) as process:
                alarm = threading.Timer(limit, kill_group, [process])
                alarm.start()
                try:
                    # Not reaped yet, so that its number still names its group when what is left is killed.
                    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
                finally:
                    alarm.cancel()
                seconds = time.perf_counter() - begin
            if process.returncode != 0:
                err.seek(0)
                tail = err.read().decode(errors="replace").strip().splitlines()[-15:]
                raise Failed(f"{' '.join(map(str, command))}\n  ended with {process.returncode}"
                             + "".join(f"\n  {line}" for line in tail))
            out.seek(0)
            return seconds, out.read().decode(errors="replace")

    def cpu_seconds(self, command, **options):
        """Processor time of a program and of all that it started and waited for."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.run(command, **options)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def watch_lines(self, command, expected, limit=900):
        """Runs a program that prints `expected` lines; returns when each hundredth of them was there, in seconds from
        its start, and the most memory that the program itself had at once, in bytes."""
        with tempfile.TemporaryFile() as err, self._process(command, stdout=subprocess.PIPE, stderr=err) as process:
            alarm = threading.Timer(limit, kill_group, [process])
            alarm.start()
            try:
                begin, seen, times, peak = time.perf_counter(), 0, [0.0], 0
                while chunk := os.read(process.stdout.fileno(), 1 << 20):
                    seen += chunk.count(b"\n")
                    while len(times) <= 100 and seen >= len(times) * expected / 100:
                        times.append(time.perf_counter() - begin)
                        peak = peak_memory(process.pid) or peak
            finally:
                alarm.cancel()
            status = process.wait()
            if status != 0 or seen != expected:
                err.seek(0)
                raise Failed(f"{' '.join(map(str, command))}\n  ended with {status} after {seen} of {expected} lines\n"
                             + err.read().decode(errors="replace")[-2000:])
            return times, peak

    def number(self, command, key):
        """What a program prints as KEY=NUMBER."""
        return self.printed(self.run(command)[1], key, command)

    def printed(self, text, key, command=()):
        found = re.search(rf"^{key}=([0-9.eE+]+)$", text, re.MULTILINE)
        if not found or float(found.group(1)) <= 0:
            raise Failed(f"{' '.join(map(str, command))}\n  printed no {key}=NUMBER")
        return float(found.group(1))

    @contextlib.contextmanager
    def _process(self, command, **options):
        parent = os.getpid()

        def die_with_parent():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # which servers pass on to their workers
            if os.getppid() != parent:
                os._exit(1)

        # What a program leaves in its temporary folder, as wget2 does with its locks, goes with ours.
        options.setdefault("env", {**os.environ, "TMPDIR": str(self.folder)})
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                   start_new_session=True, preexec_fn=die_with_parent, **options)
        try:
            yield process
        finally:
            kill_group(process)
            process.wait()

    # ---- folders and servers --------------------------------------------------------------------

    @contextlib.contextmanager
    def memory_folder(self):
        """A fresh folder in memory, for what is downloaded."""
        with tempfile.TemporaryDirectory(dir=self._memory) as folder:
            yield pathlib.Path(folder)

    @contextlib.contextmanager
    def test_bed(self):
        """Three hosts that are namespaces of this machine; gives what runs a command on their login node."""
        bed = HERE.parent.parent / "scripts" / "testbed" / "netns"
        folder = self.folder / "bed"
        try:
            self.run([bed, "--dir", folder, "--owner", os.getpid(), "up"])
        except Failed as failure:
            raise Absent("no test-bed: needs root and scripts/setup hosts") from failure
        self.bed_command = [bed, "--dir", folder]
        try:
            yield [*self.bed_command, "exec", "master"]
        finally:
            self.run([*self.bed_command, "down"])

    @contextlib.contextmanager
    def practice_server(self, delay):
        """`flagship serve`; gives the URL that it prints."""
        log = self.folder / "serve.log"
        command = [self.ours("flagship"), "serve", "--port", "0", "--delay", str(delay)]
        with log.open("wb") as output, self._process(command, stdout=output, stderr=subprocess.STDOUT) as server:
            yield wait_for(server, log, lambda: re.search(r"https?://[^\s/]+:\d+[^\s]*", log.read_text()))[0]

    @contextlib.contextmanager
    def nginx(self, configure):
        """A private nginx. `configure(folder, port)` gives the server block; gives the URL of its root."""
        program = self.peer("nginx")
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            folder = pathlib.Path(name)
            log = folder / "nginx.log"
            for attempt in range(5):
                port = free_port()
                (folder / "nginx.conf").write_text(NGINX.format(
                    folder=folder, processors=self.processors, user="user root;" if os.geteuid() == 0 else "",
                    server=configure(folder, port)))
                command = [program, "-e", log, "-p", folder, "-c", folder / "nginx.conf"]
                with log.open("wb") as output, self._process(command, stdout=output, stderr=output) as server:
                    try:
                        wait_for(server, log, lambda: listens(port))
                    except Failed:
                        if attempt < 4 and "Address already in use" in log.read_text():
                            continue
                        raise
                    yield f"http://127.0.0.1:{port}"
                    return


NGINX = """
{user}
daemon off;
worker_processes {processors};
pid {folder}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  types {{ image/gif gif; }}
  sendfile on;
  tcp_nodelay on;
  keepalive_requests 1000000;
  open_file_cache max=1000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
{server}
  }}
}}
"""


def kill_group(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def peak_memory(pid):
    """The most memory that a process has had at once, in bytes; None when it is gone."""
    with contextlib.suppress(OSError):
        found = re.search(r"^VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        return int(found.group(1)) * 1024 if found else None


def wait_for(server, log, ready, patience=20):
    """Waits until a server is ready, and returns what `ready` found."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        found = ready()
        if found:
            return found
        if server.poll() is not None:
            break
        time.sleep(0.01)
    raise Failed(f"{' '.join(map(str, server.args))}\n  did not come up\n{log.read_text()[-2000:]}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def progress(text):
    """One line that is rewritten, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

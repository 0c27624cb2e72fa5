"""A warm worker for make and ninja, so that a step does not pay for starting Python and importing pyarrow.

Make and ninja run one process for each step. Python with pyarrow takes a quarter of a second to start, which would
measure Python and not the tool. So the recipe is a small client, and two workers, started by the first step of a build
and ended with it, load the step's file and run it: what Bazel calls persistent workers.
"""

from __future__ import annotations

__all__ = ["CLIENT", "SERVER", "wrapped"]

CLIENT = r"""
import socket, sys

def ask(wait):
    talk = socket.socket(socket.AF_UNIX)
    try:
        talk.connect(".worker")
    except OSError:
        if wait:
            raise
        import fcntl, subprocess
        with open(".worker.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                talk.connect(".worker")
            except OSError:
                child = subprocess.Popen([sys.argv[1], "server.py"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                child.stdout.readline()
                child.returncode = 0
                talk.connect(".worker")
    talk.sendall((" ".join(sys.argv[2:]) + "\n").encode())
    return talk.makefile().read()

answer = ask(False)
if answer != "done":
    sys.exit(answer or "the worker is gone")
"""

SERVER = r"""
import os, runpy, signal, socket, sys, traceback
import pyarrow.compute
import pyarrow.parquet as pq

if os.path.exists(".worker"):
    os.unlink(".worker")
listener = socket.socket(socket.AF_UNIX)
listener.bind(".worker")
listener.listen(64)
os.setpgrp()
with open(".worker.pid", "w") as file:
    file.write(str(os.getpid()))
sys.stdout.write("ready\n")
sys.stdout.flush()
null = os.open(os.devnull, os.O_WRONLY)
os.dup2(null, 1)
os.fork()
sys.path.insert(0, os.getcwd())

def run(name, keep, *inputs):
    tables = [pq.read_table(f"warehouse/{key}.parquet") for key in inputs]
    value = runpy.run_path(f"steps/{name}.py")["build"](*tables)
    out, new = f"warehouse/{name}.parquet", f"warehouse/{name}.tmp"
    pq.write_table(value, new)
    if keep == "keep" and os.path.exists(out) and open(out, "rb").read() == open(new, "rb").read():
        os.unlink(new)
    else:
        os.rename(new, out)

while True:
    talk, _ = listener.accept()
    with talk:
        try:
            run(*talk.makefile().readline().split())
            talk.sendall(b"done")
        except Exception:
            talk.sendall(traceback.format_exc().encode())
"""


def wrapped(command: str) -> str:
    """Return a shell script that runs a build and then ends the workers, if it needed any."""
    return f"""{command}
code=$?
if [ -f .worker.pid ]; then
    kill -- "-$(cat .worker.pid)"
    rm -f .worker .worker.pid
fi
exit $code
"""

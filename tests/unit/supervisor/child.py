"""A process for the supervisor to watch; what it does is told to it.

Started as `python -I -S child.py FOLDER MODE … JSON`. It notes in FOLDER/NAME.log, a line each.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time

folder, mode, *rest = sys.argv[1:-1]
told = json.loads(sys.argv[-1])
name = told["name"]
descriptors = told["sockets"]


def note(*what: object) -> None:
    with open(os.path.join(folder, f"{name}.log"), "a") as log:  # noqa: PTH118, PTH123 - starts at once
        print(*what, file=log)


def say_ready() -> None:
    with socket.socket(fileno=descriptors["ready"]) as ready:
        ready.sendall(b"ready")


def ask(question: bytes) -> bytes:
    with socket.socket(fileno=descriptors["keys"]) as keys:
        keys.sendall(question)
        return keys.recv(100)


note("started", time.monotonic())
if mode == "good":
    say_ready()
elif mode == "dies":
    sys.exit(3)
elif mode == "ready-and-dies":
    say_ready()
    sys.exit(3)
elif mode == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say_ready()
elif mode == "asks":
    note("answer", ask(name.encode()).decode())
    time.sleep(float(rest[0]))
    say_ready()
elif mode == "looks-round":
    open_ones = {int(one) for one in os.listdir("/proc/self/fd")}  # noqa: PTH208 - plain names
    open_ones = {one for one in open_ones if os.path.exists(f"/proc/self/fd/{one}")}  # noqa: PTH110 - the same
    listener = socket.socket(fileno=descriptors["listener"])
    report = {
        "open": sorted(open_ones),
        "named": sorted(descriptors.values()),
        "listens": listener.getsockname(),
        "stdin": os.readlink("/proc/self/fd/0"),  # noqa: PTH115 - the same
        "environment": dict(os.environ),
        "session": os.getsid(0) == os.getpid(),
        "told": told,
    }
    note(json.dumps(report))
    say_ready()
elif mode == "leaves-one-behind":
    first = not os.path.exists(os.path.join(folder, "child.pid"))  # noqa: PTH110, PTH118 - the same
    if first:
        left = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"],
            pass_fds=[descriptors["ready"]],
        )
        with open(os.path.join(folder, "child.pid"), "w") as file:  # noqa: PTH118, PTH123 - the same
            file.write(str(left.pid))
        sys.exit(3)
    say_ready()
time.sleep(60)

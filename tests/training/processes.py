"""Runs in processes of their own."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def start(records, folder, changes, arguments=(), config=None):
    """Starts a process; see worker_runs.py for what the arguments mean."""
    environment = {k: v for k, v in os.environ.items() if k != "TF_CONFIG"}
    if config:
        environment["TF_CONFIG"] = json.dumps(config)
    command = [sys.executable, "-m", "tests.training.worker_runs"]
    return subprocess.Popen(
        [*command, str(records), str(folder), json.dumps(changes), *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process):
    """Exit code and what it said."""
    try:
        _, said = process.communicate(timeout=400)
    finally:
        process.kill()
    return process.returncode, said


def two_workers(records, folder, changes, arguments=()):
    """Runs two; the second gets the arguments."""
    sockets = [socket.socket() for _ in range(2)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    processes = []
    for index in range(2):
        task = {"type": "worker", "index": index}
        config = {"cluster": {"worker": addresses}, "task": task}
        own = arguments if index else ()
        processes.append(start(records, folder, changes, own, config))
    return [end(process) for process in processes]

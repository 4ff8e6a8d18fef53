"""Starts Charon on a folder of its own with the first account, for the checks that foreign programs make."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.request


def call(base, method, path, body=None, cookie=None, token=None):
    headers = {"Content-Type": "application/json", "X-Charon-CSRF": "1"}
    if cookie:
        headers["Cookie"] = cookie
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(base + path, data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        cookie = answer.headers.get("Set-Cookie", "").split(";")[0]
        return json.load(answer), cookie


def wait_for(what, probe, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = probe()
        if found:
            return found
        time.sleep(0.05)
    sys.exit(f"waited {seconds} s in vain until {what}")


class Charon:
    """A running one: `run` is its run.json, `base` the address of its API, `token` one of an administrator."""

    def __init__(self, process, log, run):
        self.process, self.log, self.run = process, log, run
        self.base = f"http://{run['ui']}/api/v1"
        self.token = None

    def call(self, method, path, body=None):
        return call(self.base, method, path, body, token=self.token)[0]


@contextlib.contextmanager
def charon(program, folder):
    data = folder / "data"
    log = folder / "charon.log"
    environment = {
        "PATH": os.environ["PATH"],
        "CHARON_DATA_DIR": str(data),
        "CHARON_PROXY_BIND": "127.0.0.1",
        "CHARON_HTTP_PORT": "0",
        "CHARON_PROXY_HTTP_PORT": "0",
        "CHARON_PROXY_HTTPS_PORT": "0",
    }
    with open(log, "wb") as output:
        process = subprocess.Popen([program, "serve"], env=environment, stdout=output, stderr=output)
    try:
        def running():
            if process.poll() is not None:
                sys.exit(f"charon ended at its start:\n{log.read_text()}")
            try:
                return json.loads((data / "run.json").read_text())
            except (OSError, ValueError):
                return None

        it = Charon(process, log, wait_for("Charon serves", running))
        token = wait_for("the token is printed", lambda: re.search(r"Set-up token: (\S+)", log.read_text()))
        account = {
            "token": token[1], "name": "Check", "email": "check@example.com", "password": "a long pass phrase",
        }
        _, cookie = call(it.base, "POST", "/setup", account)
        wanted = {"name": "check", "scopes": ["admin"], "expires_in_days": 1}
        it.token = call(it.base, "POST", "/api-tokens", wanted, cookie)[0]["token"]
        yield it
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()

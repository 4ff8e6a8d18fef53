#!/usr/bin/env python3
"""Starts Charon, nginx, HAProxy and Caddy with many certificates, one after the other, and measures each.

Usage: scripts/certificates-bench.py path/to/charon [number, 10000]. Needs python3-cryptography. Measured: the time from
the start of the process to the first TLS answer for the first and for the last name, the CPU time of all its processes
until then (which other programs of the machine change least), their memory, and the time until a renewed certificate is
what the next connection is shown. Everybody has the same ECDSA P-256 certificates, each with a name, a key and a host
of its own. PATH decides which peers take part.
"""

import concurrent.futures
import contextlib
import datetime
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from running import call, charon, wait_for

CONTEXT = ssl.create_default_context()
CONTEXT.check_hostname = False
CONTEXT.verify_mode = ssl.CERT_NONE


def name(number):
    return f"h{number}.example.com"


class Authority:
    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Many certificates")])

    def leaf(self, domain):
        """Chain and key as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.timezone.utc)
        leaf = (
            x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(self.name).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=90))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(domain)]), True)
            .sign(self.key, hashes.SHA256())
        )
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return (
            leaf.public_bytes(serialization.Encoding.PEM).decode(),
            key.private_bytes(serialization.Encoding.PEM, *form).decode(),
        )


def shown(port, domain):
    """The certificate that a new connection gets, once an answer to a request came over it; nothing if none did."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as plain:
            with CONTEXT.wrap_socket(plain, server_hostname=domain) as tls:
                tls.sendall(f"GET / HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\n\r\n".encode())
                return tls.getpeercert(True) if tls.recv(12).startswith(b"HTTP/1.1") else None
    except OSError:
        return None


def until_shown(port, domain, is_it, seconds=300):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        der = shown(port, domain)
        if der and is_it(der):
            return time.monotonic()
        time.sleep(0.002)
    sys.exit(f"{domain} was not served within {seconds} s")


def spent(root):
    """Resident and proportional memory of a process and all below it, in MiB, and their seconds of CPU."""
    below = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rsplit(")", 1)[1].split()
            below.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    todo, sums, ticks = [root], {"Rss": 0, "Pss": 0}, 0
    while todo:
        process = todo.pop()
        todo += below.get(process, [])
        stat = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(stat[11]) + int(stat[12])
        text = pathlib.Path(f"/proc/{process}/smaps_rollup").read_text()
        for what in sums:
            sums[what] += int(re.search(rf"^{what}:\s+(\d+)", text, re.M)[1])
    return sums["Rss"] // 1024, sums["Pss"] // 1024, ticks / os.sysconf("SC_CLK_TCK")


def measure(what, begin, port, count, renew):
    """`begin` starts it and gives the process; `renew` puts another certificate in the place of the middle one."""
    started = time.monotonic()
    process = begin()
    try:
        has = lambda number: lambda der: name(number).encode() in der
        first = until_shown(port, name(0), has(0)) - started
        last = until_shown(port, name(count - 1), has(count - 1)) - started
        cpu = spent(process.pid)[2]
        time.sleep(3)
        resident, proportional, _ = spent(process.pid)
        middle = name(count // 2)
        before = shown(port, middle)
        changed = time.monotonic()
        renew(process)
        change = until_shown(port, middle, lambda der: der != before and middle.encode() in der) - changed
        times = f"{first:.2f} s | {last:.2f} s | {cpu:.2f} s"
        print(f"| {what} | {times} | {resident} | {proportional} | {change * 1000:.0f} ms |", flush=True)
        return process
    except BaseException:
        process.kill()
        raise


def end(process):
    process.send_signal(signal.SIGTERM)
    process.wait(60)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def of_charon(program, folder, pairs, authority):
    count = len(pairs)
    plain, port, ui = free_port(), free_port(), free_port()
    with charon(program, folder) as it:
        target = {"forward_scheme": "http", "forward_host": "127.0.0.1", "forward_port": 9}
        it.call("POST", "/proxy-hosts", {"domain_names": "seed.example.com", **target})

        def upload(number):
            chain, key = pairs[number]
            body = {"name": name(number), "certificate": chain, "private_key": key}
            return it.call("POST", "/certificates", body)["uuid"]

        with concurrent.futures.ThreadPoolExecutor(8) as several:
            uuids = list(several.map(upload, range(count)))
        token = it.token
    # As many hosts, copied by another program: what is measured is not how they are saved.
    database = sqlite3.connect(folder / "data" / "charon.db")
    columns = [row[0] for row in database.execute("SELECT name FROM pragma_table_info('proxy_hosts')")]
    columns.remove("id")
    other = {"uuid": "lower(hex(randomblob(16)))", "domain_names": "'h' || n || '.example.com'"}
    database.execute(
        f"WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {count}) "
        f"INSERT INTO proxy_hosts ({','.join(columns)}) "
        f"SELECT {','.join(other.get(column, column) for column in columns)} "
        "FROM (SELECT * FROM proxy_hosts LIMIT 1), numbers"
    )
    database.commit()
    database.close()
    environment = {
        "PATH": os.environ["PATH"], "CHARON_DATA_DIR": str(folder / "data"), "CHARON_PROXY_BIND": "127.0.0.1",
        "CHARON_HTTP_PORT": str(ui), "CHARON_PROXY_HTTP_PORT": str(plain), "CHARON_PROXY_HTTPS_PORT": str(port),
    }
    output = open(folder / "log", "wb")
    begin = lambda: subprocess.Popen([program, "serve"], env=environment, stdout=output, stderr=output)
    base = f"http://127.0.0.1:{ui}/api/v1"

    def ready():
        with contextlib.suppress(OSError, http.client.HTTPException):
            return call(base, "GET", "/certificates/" + uuids[0], token=token)

    def renew(_):
        chain, key = authority.leaf(name(count // 2))
        call(base, "PUT", "/certificates/" + uuids[count // 2], {"certificate": chain, "private_key": key}, token=token)

    # The first start finds everything new, and writes the last good configuration.
    once = begin()
    until_shown(port, name(count - 1), lambda der: name(count - 1).encode() in der)
    wait_for("the API answers", ready)
    time.sleep(5)
    end(once)
    process = measure("Charon", begin, port, count, renew)
    asked = time.monotonic()
    listed = call(base, "GET", "/certificates", token=token)[0]
    took = (time.monotonic() - asked) * 1000
    print(f"\nCharon's API lists {len(listed)} certificates in {took:.0f} ms", flush=True)
    end(process)


def write_pairs(folder, pairs):
    (folder / "apart").mkdir()
    (folder / "together").mkdir()
    for number, (chain, key) in enumerate(pairs):
        write_pair(folder, number, chain, key)


def write_pair(folder, number, chain, key):
    (folder / "apart" / f"{number}.pem").write_text(chain)
    (folder / "apart" / f"{number}.key").write_text(key)
    (folder / "together" / f"{number}.pem").write_text(chain + key)


def peers(folder, pairs, authority):
    count, middle = len(pairs), len(pairs) // 2
    write_pairs(folder, pairs)
    port = free_port()
    servers = "\n".join(
        f"server {{ listen 127.0.0.1:{port} ssl; server_name {name(n)}; ssl_certificate {folder}/apart/{n}.pem; "
        f"ssl_certificate_key {folder}/apart/{n}.key; return 200 'x'; }}" for n in range(count)
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/nginx.pid; worker_processes 2; error_log {folder}/error.log;\n"
        "events { worker_connections 1024; }\n"
        "http { access_log off; server_names_hash_max_size 65536; server_names_hash_bucket_size 128;\n"
        f"client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; "
        f"uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n{servers}\n}}\n"
    )
    (folder / "list").write_text("".join(f"{folder}/together/{n}.pem {name(n)}\n" for n in range(count)))
    (folder / "haproxy.cfg").write_text(
        f"global\n  nbthread 2\n  stats socket {folder}/haproxy.sock level admin\n"
        "defaults\n  mode http\n  timeout client 5s\n  timeout connect 5s\n  timeout server 5s\n"
        f"frontend f\n  bind 127.0.0.1:{port} ssl crt-list {folder}/list\n  http-request return status 200\n"
    )
    (folder / "caddy.json").write_text(json.dumps({
        "admin": {"listen": f"unix/{folder}/caddy.sock"},
        "apps": {
            "http": {"servers": {"s": {
                "listen": [f"127.0.0.1:{port}"], "automatic_https": {"disable": True}, "protocols": ["h1", "h2"],
                "tls_connection_policies": [{}],
                "routes": [
                    {"match": [{"host": [name(n)]}], "handle": [{"handler": "static_response", "body": "x"}]}
                    for n in range(count)
                ],
            }}},
            "tls": {"certificates": {"load_files": [
                {"certificate": f"{folder}/apart/{n}.pem", "key": f"{folder}/apart/{n}.key"} for n in range(count)
            ]}},
        },
    }))
    output = open(folder / "log", "wb")
    begin = lambda *command: lambda: subprocess.Popen(command, stdout=output, stderr=output)
    renewed = lambda: authority.leaf(name(middle))

    def nginx(process):
        write_pair(folder, middle, *renewed())
        process.send_signal(signal.SIGHUP)

    def haproxy(_):
        chain, key = renewed()
        path = f"{folder}/together/{middle}.pem"
        for command in (f"set ssl cert {path} <<\n{chain}{key}\n", f"commit ssl cert {path}\n"):
            with socket.socket(socket.AF_UNIX) as control:
                control.connect(f"{folder}/haproxy.sock")
                control.sendall(command.encode())
                while control.recv(4096):
                    pass

    def caddy(_):
        write_pair(folder, middle, *renewed())
        command = ["caddy", "reload", "--force", "--config", f"{folder}/caddy.json", "--address",
                   f"unix/{folder}/caddy.sock"]
        subprocess.run(command, check=True, stdout=output, stderr=output)

    for program, version, command, renew in (
        ("nginx", ["-v"], ["-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"], nginx),
        ("haproxy", ["-v"], ["-W", "-f", f"{folder}/haproxy.cfg"], haproxy),
        ("caddy", ["version"], ["run", "--config", f"{folder}/caddy.json"], caddy),
    ):
        if not shutil.which(program):
            continue
        told = subprocess.run([program, *version], capture_output=True, text=True, check=True)
        number = re.search(r"\d+\.\d+\.\d+", told.stdout + told.stderr)[0]
        end(measure(f"{program} {number}", begin(program, *command), port, count, renew))


def main():
    program, count = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    authority = Authority()
    pairs = [authority.leaf(name(number)) for number in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        print("| contestant | first name | last name | CPU | RSS, MiB | PSS, MiB | renewed one |")
        print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
        (folder / "peers").mkdir()
        peers(folder / "peers", pairs, authority)
        (folder / "charon").mkdir()
        of_charon(program, folder / "charon", pairs, authority)


main()

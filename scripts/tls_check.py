"""Starts Charon and holds its TLS to Mozilla's recommendations with sslyze, for each policy and kind of key.

Usage: tls_check.py path/to/sslyze path/to/charon. Needs what sslyze itself needs.
"""

import datetime
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from running import charon

# Domain, its policy of TLS, and the profile of Mozilla that it has to comply with. The keys are ECDSA P-256, but for
# the last host, which has a certificate with an RSA key.
HOSTS = [
    ("intermediate.example.com", None, "intermediate"),
    ("modern.example.com", "modern", "modern"),
    ("rsa.example.com", None, "intermediate"),
]


def signed(name, key, issuer, issuer_key, extensions):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=30))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


def key_usage(signs):
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=signs, crl_sign=signs, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )


def rsa_pair(domain):
    """A root, and the chain and key of a certificate that it has signed, as PEM."""
    root_key, key = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    root_name, name = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("Check", domain))
    known_as = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    root = signed(root_name, root_key, root_name, root_key, [
        (x509.BasicConstraints(ca=True, path_length=None), True), (key_usage(True), True), (known_as, False),
    ])
    leaf = signed(name, key, root_name, root_key, [
        (x509.SubjectAlternativeName([x509.DNSName(domain)]), False), (key_usage(False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known_as), False),
    ])
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    root, leaf = (one.public_bytes(serialization.Encoding.PEM).decode() for one in (root, leaf))
    return root, leaf, pem.decode()


def check(sslyze, program, folder):
    failed = 0
    with charon(program, folder) as it:
        roots = urllib.request.urlopen(f"{it.base}/certificates/internal-ca.pem", timeout=30).read().decode()
        name = HOSTS[-1][0]
        root, certificate, key = rsa_pair(name)
        it.call("POST", "/certificates", {"name": name, "certificate": certificate, "private_key": key})
        trusted = folder / "roots.pem"
        trusted.write_text(roots + root)
        for domain, policy, _ in HOSTS:
            host = {
                "domain_names": domain, "forward_scheme": "http", "forward_host": "127.0.0.1", "forward_port": 9,
                "hsts_enabled": True, "hsts_max_age": 63_072_000, "tls": {"policy": policy},
            }
            it.call("POST", "/proxy-hosts", host)
        for domain, _, profile in HOSTS:
            command = [
                sslyze, "--sni", domain, "--certinfo_ca_file", str(trusted), f"--mozilla_config={profile}",
                it.run["https"],
            ]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            is_fine = result.returncode == 0 and "OK - Compliant" in result.stdout
            print(f"tls-check: {domain}: {'complies' if is_fine else 'DOES NOT COMPLY'} with Mozilla's {profile} profile")
            if not is_fine:
                failed += 1
                print(result.stdout[-6000:], result.stderr[-2000:], file=sys.stderr)
    return failed


def main():
    sslyze, program = (str(pathlib.Path(argument).absolute()) for argument in sys.argv[1:3])
    with tempfile.TemporaryDirectory(prefix="charon-tls-check-") as folder:
        sys.exit(1 if check(sslyze, program, pathlib.Path(folder)) else 0)


if __name__ == "__main__":
    main()

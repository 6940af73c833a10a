"""A registry with TLS, client certificates and passwords: mbuild and skopeo read each other's logins."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from debian_programs import Programs
from mbuild_command import Mbuild
from real_registry import registry

pytestmark = pytest.mark.e2e

# bcrypt of "secret", the only kind that this registry reads (htpasswd -Bbn me secret).
HTPASSWD = "me:$2b$04$h3UgXQnHFhe5ZcgxuUQFrODFuhe/WkjwPdC65kQLj3BQ3kgFkD9ui\n"
BUILD = """
model(name = "m", framework = "sklearn", srcs = ["weights.bin"])
model_volume(name = "volume", models = [":m"])
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Mbuild:
    """A workspace with one image, keys for a registry and a home of its own."""
    folder = tmp_path / "workspace"
    (folder / "keys").mkdir(parents=True)
    (folder / "BUILD").write_text(BUILD)
    (folder / "weights.bin").write_bytes(b"weights")
    for name in ("server", "client"):
        kind = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
        words = f"{kind} -subj /CN={name} -addext subjectAltName=IP:127.0.0.1"
        files = ["-keyout", f"{folder}/keys/{name}.key", "-out", f"{folder}/keys/{name}.cert"]
        subprocess.run([*words.split(), *files], check=True, capture_output=True)
    home = tmp_path / "home"
    home.mkdir()
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "NO_COLOR": "1"}
    return Mbuild(folder, tmp_path / "store", environment=environment)


def test_mbuild_and_skopeo_read_each_others_logins(workspace: Mbuild, programs: Programs, tmp_path: Path) -> None:
    keys = workspace.folder / "keys"
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "certificates").mkdir()
    for name, told in (("server.cert", "ca.crt"), ("client.cert", "client.cert"), ("client.key", "client.key")):
        (tmp_path / "certificates" / told).write_text((keys / name).read_text())
    tls = {"certificate": f"{keys}/server.cert", "key": f"{keys}/server.key", "clientcas": [f"{keys}/client.cert"]}
    auth = {"auth": {"htpasswd": {"realm": "basic-realm", "path": f"{tmp_path}/htpasswd"}}}
    with registry(programs, tmp_path / "registry", {"tls": tls}, auth) as host:
        settings = 'ca = "keys/server.cert"\nclient_cert = "keys/client.cert"\nclient_key = "keys/client.key"\n'
        (workspace.folder / "mbuild.toml").write_text(f'[registry."{host}"]\n{settings}')
        refused = workspace.run("push", "//:volume", f"{host}/ml/volume:v1")
        assert refused.code == 36
        assert f"error: registry '{host}' wants a login, while asking for blob sha256:" in refused.err
        assert f"; none is kept for it\nhint: run 'mbuild login {host}'" in refused.err
        assert _login(workspace, host, tmp_path / "password").stdout == f"logged in to {host} as me\n"
        digest = workspace.digest("//:volume")
        assert workspace("push", "//:volume", f"{host}/ml/volume:v1").out == f"{host}/ml/volume@{digest}\n"
        kept = Path(workspace.environment["HOME"], ".docker", "config.json")
        how = ("--cert-dir", f"{tmp_path}/certificates")
        told = json.loads(
            programs.run("skopeo", "inspect", *how, "--authfile", str(kept), f"docker://{host}/ml/volume:v1")
        )
        assert told["Digest"] == digest
        assert workspace("logout", host).out == f"dropped the login for {host} from '{kept}'\n"
        assert "wants a login" in workspace.run("tags", f"{host}/ml/volume").err
        file = tmp_path / "auth.json"
        programs.run("skopeo", "login", *how, "--authfile", str(file), "-u", "me", "-p", "secret", host)
        workspace.environment["REGISTRY_AUTH_FILE"] = str(file)
        assert workspace("tags", f"{host}/ml/volume").out == "v1\n"
        assert workspace("logout", host).out == f"dropped the login for {host} from '{file}'\n"


def _login(workspace: Mbuild, host: str, password: Path) -> subprocess.CompletedProcess[str]:
    words = [*workspace.command, "-C", str(workspace.folder), "login", host, "-u", "me", "--password-stdin"]
    with password.open() as given:
        return subprocess.run(words, stdin=given, capture_output=True, text=True, check=True, env=workspace.environment)

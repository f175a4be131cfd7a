"""How Alertmanager is started here."""

import subprocess

import pytest

from tests.ops.conftest import STATE, tool


def alertmanager_command() -> list[str]:
    """Debian's looks for its templates below /usr/share: unpacked, it gets one of its own there."""
    found = tool("prometheus-alertmanager", "prometheus-alertmanager")
    if not found.is_relative_to(STATE):
        return [str(found)]
    share = found.parents[1] / "share"
    apart = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    script = f'mount --bind \'{share}\' /usr/share && exec "$0" "$@"'
    done = subprocess.run([*apart, script, "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no mount of one's own here: {done.stderr.strip()}")
    return [*apart, script, str(found)]

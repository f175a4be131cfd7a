"""`redis-cli`, which is not everywhere: what the blocks of `operating` call it with.

The real one wherever there is one.
"""

import shutil
import sys
from pathlib import Path

_STAND_IN = """\
#!{python}
import redis, sys
flag, url, *command = sys.argv[1:]
assert flag == "-u", sys.argv
with redis.Redis.from_url(url, decode_responses=True) as client:
    match command:
        case ["--scan", "--pattern", pattern]:
            print(*client.scan_iter(pattern), sep="\\n")
        case ["UNLINK", _, *_]:
            print(client.execute_command(*command))
        case _:
            sys.exit(f"unknown: {{command}}")
"""


def with_redis_cli(folder: Path, path: str) -> str:
    """*path*, with a folder before it where `redis-cli` is."""
    if shutil.which("redis-cli") is not None:
        return path
    program = folder / "programs" / "redis-cli"
    program.parent.mkdir(exist_ok=True)
    program.write_text(_STAND_IN.format(python=sys.executable))
    program.chmod(0o755)
    return f"{program.parent}:{path}"

"""The configuration of a command: that of the `dev` that runs in this folder, or the usual one."""

import os
from collections.abc import Mapping
from pathlib import Path

from worker.domain.policy.checking import problems_when_loaded
from worker.entrypoints.cli.output import say
from worker.settings import Loaded, dev_context, load
from worker.settings.load import PolicyProblems


def configured(
    config: Path | None,
    environ: Mapping[str, str] = os.environ,
    *,
    policy_problems: PolicyProblems = problems_when_loaded,
) -> Loaded:
    """Says on stderr where it works on a `dev`. Raises `ConfigError`."""
    context = dev_context.find(config, environ, Path.cwd())
    loaded = load(config, environ=environ, policy_problems=policy_problems, context=context)
    if context is not None:
        say(f"using the `dev` of {context}")
    return loaded

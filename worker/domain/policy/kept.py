"""A policy as JSON, which says the same when it is read back, whatever the files say by then."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from worker.domain.policy.loading import override, plain
from worker.domain.policy.profile import Profile
from worker.domain.policy.schema import KEYS

_FIELDS = {field for field, _ in KEYS.values()}


def content_of(profile: Profile) -> dict[str, Any]:
    """A policy as JSON that `profile_of` reads back."""
    content = {
        field: plain(value)
        for field, value in asdict(profile).items()
        if field in _FIELDS  # The others say something about the text, not what it says.
    }
    content["window_days"] = {kind.value: days for kind, days in profile.window_days}
    return content


def profile_of(name: str, content: Mapping[str, Any]) -> Profile:
    """Checked like a policy file; a field this version of the code lacks is a `ProfileError`."""
    return override(Profile(name=name), content)

"""`[retention]`: days become times, and 0 is for ever."""

from datetime import timedelta

from tests.unit.settings.given import Load
from worker.bootstrap.from_settings import retention_of
from worker.lifecycle.retention import RetentionTimes


def test_what_nobody_says_is_kept_as_the_page_of_settings_tells(loading: Load) -> None:
    assert retention_of(loading("").settings) == RetentionTimes(
        texts=timedelta(days=21), phones=timedelta(days=90), events=timedelta(days=30), settled=None
    )


def test_each_kind_has_a_key_and_0_is_for_ever(loading: Load) -> None:
    toml = "[retention]\ntexts_days = 0\nphones_days = 1\nevents_days = 0\nsettled_days = 400\n"

    assert retention_of(loading(toml).settings) == RetentionTimes(
        texts=None, phones=timedelta(days=1), events=None, settled=timedelta(days=400)
    )

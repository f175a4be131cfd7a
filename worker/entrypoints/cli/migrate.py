"""`migrate`: the database schema this version needs."""

import asyncio
import os

from worker.entrypoints.cli.options import ConfigOption
from worker.entrypoints.cli.output import say


def migrate(config: ConfigOption = None) -> None:
    """Bring the database schema up to date. Safe to run from many hosts at once.

    Run it before the new version starts; the old one goes on running meanwhile.
    """
    from worker.adapters.store.migrate import upgrade
    from worker.settings import load_settings

    settings = load_settings(config, environ=os.environ)
    before, now = asyncio.run(upgrade(settings.database.url.get_secret_value()))
    if before == now:
        say(f"the schema is up to date: {now}")
    else:
        say(f"the schema was {before or 'missing'} and is now {now}")

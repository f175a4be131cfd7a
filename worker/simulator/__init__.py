"""A provider to test against: one engine with its own books, one face per protocol family.

    async with running(SimulatorConfig(family="handler_api")) as provider:
        provider.url  # behaves like the provider's host

`SimulatorConfig` is in `worker.simulator.config`, `running` in `worker.simulator.server`.
"""

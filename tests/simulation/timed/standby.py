"""A failover that loses the last commits: a copy of the database takes its place and its name."""

from dataclasses import dataclass

import asyncpg

from tests.simulation.timed.scene import Scene

#: Zero: the server says that it has no slot left. Minus one: no limit.
_LIMIT = "ALTER DATABASE {name} CONNECTION LIMIT {limit}"
_CUT_OFF = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1"


@dataclass
class Standby:
    scene: Scene
    name: str  #: Of the database.

    @property
    def _copy(self) -> str:
        return f"{self.name}_standby"

    @property
    def _lost(self) -> str:
        return f"{self.name}_lost"

    async def copies(self) -> None:
        """What is committed from now on is lost."""
        await self._replaces([f"CREATE DATABASE {self._copy} TEMPLATE {self.name}"])

    async def takes_over(self) -> None:
        await self._replaces(
            [
                f"ALTER DATABASE {self.name} RENAME TO {self._lost}",
                f"ALTER DATABASE {self._copy} RENAME TO {self.name}",
                f"DROP DATABASE {self._lost}",
            ]
        )
        await self.scene.time.tell()

    async def _replaces(self, statements: list[str]) -> None:
        """While nobody is connected; the processes find their connections broken."""
        scene = self.scene
        with scene.time.outside():
            async with scene.admins:
                await scene.admin.close()
                server = await asyncpg.connect(scene.url.replace(f"/{self.name}?", "/postgres?"))
                try:
                    await server.execute(_LIMIT.format(name=self.name, limit=0))
                    await server.fetch(_CUT_OFF, self.name)
                    for statement in statements:
                        await server.execute(statement)
                finally:
                    await server.execute(_LIMIT.format(name=self.name, limit=-1))
                    await server.close()
                    scene.admin = await asyncpg.connect(scene.url)

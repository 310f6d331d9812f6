"""Count what a whole program asks of PostgreSQL. The figures come from the server's own log."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg

from tests.support.postgres import PostgresServer

_STATEMENT = r"^\[{database}\] LOG:  (?:statement|execute [^:]*): (.*)$"


@dataclass(frozen=True)
class AskedOfPostgres:
    """The statements that any client sends to one database, BEGIN, COMMIT and LISTEN too."""

    server: PostgresServer
    database: str

    @classmethod
    def of(cls, server: PostgresServer, url: str) -> AskedOfPostgres:
        """Let the server log the statements of every connection to this database that opens from
        now on."""
        database = urlsplit(url).path[1:]
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {database} SET log_statement = 'all'")
        return cls(server, database)

    def place(self) -> int:
        """Return the present length of the log, which `since` takes as its start."""
        return self.server.log.stat().st_size

    def since(self, place: int) -> list[str]:
        """Return the first line of each statement that came after `place`."""
        with self.server.log.open("rb") as log:
            log.seek(place)
            written = log.read().decode(errors="replace")
        pattern = _STATEMENT.format(database=re.escape(self.database))
        return re.findall(pattern, written, re.MULTILINE)


def most_frequent(statements: list[str], most: int = 15) -> str:
    """Return one line for each text, the most frequent first, for a test that fails."""
    counted = Counter(" ".join(text.split())[:150] for text in statements)
    return "\n".join(f"{times:5} x {text}" for text, times in counted.most_common(most))

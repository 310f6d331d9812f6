"""The SMTP side of the mailbox: as much of RFC 5321 as one client needs.

The recipient decides the answer: `nobody@…` is refused permanently (550), `busy@…` temporarily
(451), and for `gone@…` it hangs up without an answer. Any other mail is kept.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

MAX_MESSAGE = 1024 * 1024
MAX_LINE = 4096
IDLE_SECONDS = 60
_PATH = re.compile(r"(?:FROM|TO):\s*<([^<>\s]*)>", re.IGNORECASE)

Keep = Callable[[str, list[str], bytes], None]
"""Called with the sender, the recipients and the message's bytes, before the client is told that it
was accepted."""


@dataclass(slots=True)
class _Envelope:
    sender: str | None = None
    recipients: list[str] = field(default_factory=list)


class SmtpServer:
    """Listens on one port. With `tls` it offers STARTTLS, and with `implicit` it speaks TLS at
    once. `password` is what AUTH PLAIN has to send, if it is set."""

    def __init__(
        self,
        keep: Keep,
        *,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        password: str | None = None,
    ) -> None:
        self._keep, self._tls, self._implicit = keep, tls, implicit
        self.password = password
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Start to listen. Return the port; 0 takes a free one."""
        self._server = await asyncio.start_server(
            self._serve, host, port, limit=MAX_LINE, ssl=self._tls if self._implicit else None
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, TimeoutError, ValueError):
            await _Conversation(self, reader, writer).run()
        with contextlib.suppress(OSError):
            writer.close()


class _Conversation:
    def __init__(
        self, server: SmtpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server, self._reader, self._writer = server, reader, writer
        self._envelope = _Envelope()
        self._known = server.password is None

    async def run(self) -> None:
        await self._say("220 mailbox of the demo")
        while True:
            line = await self._line()
            verb, _, rest = line.partition(" ")
            verb = verb.upper()
            if verb == "QUIT":
                await self._say("221 bye")
                return
            answer = getattr(self, f"_{verb.lower()}", None) if verb in _VERBS else None
            if answer is None:
                await self._say("502 not here")
            else:
                await answer(rest)

    async def _line(self) -> str:
        async with asyncio.timeout(IDLE_SECONDS):
            line = await self._reader.readuntil(b"\n")
        return line.decode("utf-8", "replace").rstrip("\r\n")

    async def _say(self, *lines: str) -> None:
        for line in lines:
            self._writer.write(line.encode() + b"\r\n")
        await self._writer.drain()

    # --- verbs ------------------------------------------------------------------------------

    async def _ehlo(self, _: str) -> None:
        offered = ["mailbox", f"SIZE {MAX_MESSAGE}", "8BITMIME", "SMTPUTF8"]
        if self._server._tls is not None and not self._encrypted:
            offered.append("STARTTLS")
        if self._server.password is not None:
            offered.append("AUTH PLAIN")
        await self._say(*(f"250-{one}" for one in offered[:-1]), f"250 {offered[-1]}")

    async def _helo(self, _: str) -> None:
        await self._say("250 mailbox")

    @property
    def _encrypted(self) -> bool:
        return self._writer.get_extra_info("ssl_object") is not None

    async def _starttls(self, _: str) -> None:
        if self._server._tls is None or self._encrypted:
            await self._say("502 not here")
            return
        await self._say("220 go on")
        await self._writer.start_tls(self._server._tls)
        self._envelope = _Envelope()

    async def _auth(self, rest: str) -> None:
        mechanism, _, first = rest.partition(" ")
        brought = base64.b64decode(first or "").split(b"\0")
        if mechanism.upper() == "PLAIN" and brought[-1].decode() == self._server.password:
            self._known = True
            await self._say("235 welcome")
        else:
            await self._say("535 wrong name or password")

    async def _mail(self, rest: str) -> None:
        found = _PATH.match(rest)
        if not self._known:
            await self._say("530 who are you?")
        elif found is None:
            await self._say("501 from whom?")
        else:
            self._envelope = _Envelope(sender=found[1])
            await self._say("250 ok")

    async def _rcpt(self, rest: str) -> None:
        found = _PATH.match(rest)
        name = found[1].partition("@")[0] if found else ""
        if self._envelope.sender is None or found is None:
            await self._say("503 not now")
        elif name == "nobody":
            await self._say("550 nobody has this address")
        elif name == "busy":
            await self._say("451 not now, try again")
        elif name == "gone":
            raise EOFError
        else:
            self._envelope.recipients.append(found[1])
            await self._say("250 ok")

    async def _data(self, _: str) -> None:
        envelope = self._envelope
        if envelope.sender is None or not envelope.recipients:
            await self._say("503 to whom?")
            return
        await self._say("354 end with a dot")
        message = await self._message()
        if message is None:
            await self._say("552 too large")
            return
        self._server._keep(envelope.sender, envelope.recipients, message)
        self._envelope = _Envelope()
        await self._say("250 taken")

    async def _message(self) -> bytes | None:
        """Return the message up to the lone dot. None if it is too large."""
        kept, size = bytearray(), 0
        while True:
            async with asyncio.timeout(IDLE_SECONDS):
                line = await self._reader.readuntil(b"\n")
            if line in (b".\r\n", b".\n"):
                return bytes(kept) if size <= MAX_MESSAGE else None
            size += len(line)
            if size <= MAX_MESSAGE:
                kept += line[1:] if line.startswith(b".") else line

    async def _rset(self, _: str) -> None:
        self._envelope = _Envelope()
        await self._say("250 ok")

    async def _noop(self, _: str) -> None:
        await self._say("250 ok")


_VERBS = frozenset({"EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "RSET", "NOOP"})

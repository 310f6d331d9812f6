"""The tests check what the demo's mail server and mailbox accept, refuse, keep and show."""

from __future__ import annotations

import asyncio
import json
import smtplib
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from sandbox.mail.mailbox import Mailbox, create_app
from sandbox.mail.smtp import SmtpServer
from sandbox.shop.config import ConfigRefused, load_config
from tests.support.fake_checkout import bound_socket, served
from tests.support.mail import MailServer


def message(to: str = "kari@example.no", body: str = "Hei") -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "Butikk <a@b.example>", to, "Kvittering på kjøp"
    made.set_content(body)
    made.add_alternative(f"<p>{body}</p>", subtype="html")
    return made


def test_dots_long_lines_and_signs_arrive_as_they_were() -> None:
    body = ".\n..\nen . til\n" + "å" * 3000 + "\n"
    with MailServer().running() as server, smtplib.SMTP("127.0.0.1", server.port) as smtp:
        smtp.send_message(message(body=body))
        smtp.send_message(message("ola@example.no"))
    assert server.got[0].part("plain").replace("\r\n", "\n") == body
    assert [mail.recipients for mail in server.got] == [["kari@example.no"], ["ola@example.no"]]


@pytest.mark.parametrize(("to", "code"), [("nobody@x.no", 550), ("busy@x.no", 451)])
def test_recipients_that_steer_it(to: str, code: int) -> None:
    with MailServer().running() as server, smtplib.SMTP("127.0.0.1", server.port) as smtp:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            smtp.send_message(message(to))
        assert refused.value.recipients[to][0] == code
        # The conversation continues.
        smtp.send_message(message())
    assert len(server.got) == 1


def test_out_of_turn_and_too_large() -> None:
    with MailServer().running() as server, smtplib.SMTP("127.0.0.1", server.port) as smtp:
        smtp.ehlo()
        assert smtp.docmd("DATA")[0] == 503
        assert smtp.docmd("RCPT", "TO:<a@b.no>")[0] == 503
        assert smtp.docmd("VRFY", "kari")[0] == 502
        assert smtp.docmd("_MESSAGE")[0] == 502
        assert smtp.docmd("MAIL", "FROM: nobody")[0] == 501
        with pytest.raises(smtplib.SMTPException):
            smtp.sendmail("a@b.no", ["c@d.no"], "x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * 20000)
    assert server.got == []


async def test_it_is_shown_and_outlives_a_restart(tmp_path: Path) -> None:
    server = SmtpServer(Mailbox(tmp_path).keep)
    port = await server.start("127.0.0.1", 0)

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", port) as smtp:
            smtp.send_message(message(body="<script>alert(1)</script> på"))

    await asyncio.to_thread(send)
    await server.stop()
    socket, url = bound_socket()
    with served(create_app(Mailbox(tmp_path)), socket):
        async with httpx.AsyncClient(base_url=url) as reader:
            (mail,) = (await reader.get("/messages")).json()["messages"]
            page = (await reader.get("/")).text
            shown = await reader.get(f"/messages/{mail['number']}/html")
            missing = await reader.get("/messages/7/html")
    assert mail["headers"]["subject"] == "Kvittering på kjøp"
    assert mail["recipients"] == ["kari@example.no"]
    assert "<script>" not in page and "&lt;script&gt;alert(1)&lt;/script&gt; på" in page
    assert "sandbox" in shown.headers["content-security-policy"]
    assert (shown.status_code, missing.status_code) == (200, 404)


@pytest.mark.parametrize("port", ["25", 0, 70000, True])
def test_a_port_that_is_none(tmp_path: Path, port: object) -> None:
    file = tmp_path / "shop.json"
    keys = ("base_url", "shop_url", "account_id", "client_id", "client_secret", "profile_id")
    file.write_text(json.dumps(dict.fromkeys(keys, "http://127.0.0.1:1") | {"smtp_port": port}))
    with pytest.raises(ConfigRefused):
        load_config(file)

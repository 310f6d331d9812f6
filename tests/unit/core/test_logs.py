"""The tests check the form of a log line and what never appears in one."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from pydantic import BaseModel, ValidationError
from sqlalchemy import create_engine, text

from backend.core import logs

LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \d+ [A-Z]+ [\w.]+: [^\x00-\x1f\x7f-\x9f]*\n"
)


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    handler = logs._Handler()
    stream = io.StringIO()
    handler.setStream(stream)
    root = logging.getLogger()
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)


def _only_line(written: io.StringIO) -> str:
    line = written.getvalue()
    assert LINE.fullmatch(line), line
    return line


@pytest.mark.parametrize(
    "key",
    [
        "T12345678.55Q4CC1WuVJdgCssZfrf5a",
        "P12345678.55Q4CC1WuVJdgCssZfrf5a",
        "0b0c6ad0-7a4c-4e0a-9e3e-6d1c2f4c8a11",
        "55Q4CC1WuVJdgCssZfrf5a",
        "9876543210987654",
        "9876 5432 1098 7654",
        "+4799887766",
        "kari.nordmann+shop@example.com",
        "whsec_4f1d9a7be2c84f3a9c",
    ],
)
def test_what_is_somebodys_key_is_shortened_to_one_hash(written: io.StringIO, key: str) -> None:
    log = logging.getLogger("backend.test")
    log.warning("GET /v1/view/%s/session", key)
    log.error("again %s.", key)
    assert key not in written.getvalue()
    first, second = written.getvalue().splitlines()
    assert logs.short(key) in first and logs.short(key) in second
    assert re.fullmatch(r"#[0-9a-f]{10}", logs.short(key))
    assert logs.short(key) != logs.short(key + "0")


@pytest.mark.parametrize(
    "text",
    ["checkout_ui.steps.payment", "UPDATE checkout_session SET version=?", "port 8000", "T12345678",
     "dintero_psp.creditcard", "2026-11-30", "swedbankpay_callback_refused"],
)  # fmt: skip
def test_what_is_nobodys_key_stays_readable(text: str) -> None:
    assert logs.clean(text) == text


def test_the_query_of_an_address_is_left_out(written: io.StringIO) -> None:
    logging.getLogger("backend.test").error(
        "could not deliver to %s", "https://shop.example/cb?sid=T12345678.abcdefgh&code=12"
    )
    assert _only_line(written).endswith("could not deliver to https://shop.example/cb?…\n")


@pytest.mark.parametrize("sign", ["\n", "\r\n", "\x1b[31m", "\x00", "\u2028", "\x9b", "\u202e"])
def test_a_line_stays_one_line(written: io.StringIO, sign: str) -> None:
    logging.getLogger("backend.test").error("before%safter", sign)
    assert "after" in _only_line(written)


def test_a_lone_surrogate_can_be_written() -> None:
    # The test bypasses the loggers, because the test report keeps their records and cannot send
    # this one.
    handler, stream = logs._Handler(), io.StringIO()
    handler.setStream(stream)
    said = {"name": "backend.test", "levelname": "ERROR", "msg": "a \ud800 b"}
    handler.handle(logging.makeLogRecord(said))
    _only_line(stream).encode()


def test_a_long_message_is_cut(written: io.StringIO) -> None:
    logging.getLogger("backend.test").error("no " * 10_000)
    assert len(_only_line(written)) < 800


class _Form(BaseModel):
    pin: int


def _errors() -> list[Exception]:
    """Return exceptions that repeat their input."""
    found: list[Exception] = []
    failing: tuple[Callable[[], object], ...] = (
        lambda: _Form(pin="geheim"),
        lambda: int("geheim"),
        lambda: {"": ""}["geheim"],
        lambda: httpx.Client(mounts={}).get("geheim://geheim/?geheim"),
        lambda: open("/geheim/geheim"),  # noqa: SIM115, PTH123
        lambda: b"\xff".decode() or "geheim",
        lambda: (_ for _ in ()).throw(RuntimeError("geheim")),
    )
    for fails in failing:
        try:
            fails()
        except Exception as error:
            found.append(error)
    return found


def test_an_exception_is_told_by_type_and_place_without_its_text(written: io.StringIO) -> None:
    errors = _errors()
    assert isinstance(errors[0], ValidationError) and len(errors) == 7
    for error in errors:
        logging.getLogger("backend.test").error("failed", exc_info=error)
    lines = written.getvalue().splitlines(keepends=True)
    assert len(lines) == 7
    for line, error in zip(lines, errors, strict=True):
        assert LINE.fullmatch(line), line
        assert "geheim" not in line
        assert type(error).__name__ in line
        assert "tests/unit/core/test_logs.py:" in line


def test_what_the_database_says_is_told(written: io.StringIO) -> None:
    engine = create_engine("sqlite://", hide_parameters=True)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT :pin FROM no_such_table"), {"pin": "4321"})
    except Exception as error:
        logging.getLogger("backend.test").error("failed", exc_info=error)
    line = _only_line(written)
    assert "OperationalError: no such table: no_such_table in SELECT ? FROM no_such_table" in line
    assert "4321" not in line


def test_the_cause_is_told_too(written: io.StringIO) -> None:
    try:
        try:
            raise OSError(28, "No space left on device", "/geheim")
        except OSError as error:
            raise RuntimeError("geheim") from error
    except RuntimeError as error:
        logging.getLogger("backend.test").error("failed", exc_info=error)
    line = _only_line(written)
    assert re.search(r"RuntimeError at .* \| because of OSError: No space left on device at", line)
    assert "geheim" not in line


def test_a_library_is_not_quoted(written: io.StringIO) -> None:
    for name in ("reflex.app", "socketio.server", "uvicorn.error", "asyncio"):
        logging.getLogger(name).error("Event data: %s", {"pin": "geheim"})
    lines = written.getvalue().splitlines(keepends=True)
    assert len(lines) == 4
    for line in lines:
        assert LINE.fullmatch(line)
        assert "geheim" not in line
        assert "test_logs.test_a_library_is_not_quoted, line" in line


@pytest.mark.parametrize(("name", "place"), sorted(logs._ABOUT_CLIENTS))
def test_what_a_client_did_wrong_is_no_line(written: io.StringIO, name: str, place: str) -> None:
    handler = logs._Handler()
    handler.setStream(written)
    record = logging.LogRecord(name, logging.ERROR, __file__, 1, "geheim", (), None, place)
    handler.handle(record)
    assert written.getvalue() == ""


def test_a_record_that_cannot_be_written_is_not_printed(
    written: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = logs._Handler()
    handler.setStream(written)
    handler.handle(
        logging.LogRecord("backend.test", 40, __file__, 1, "%d tries", ("geheim",), None)
    )
    assert written.getvalue() == "a log line of backend.test could not be written\n"
    assert "geheim" not in capsys.readouterr().err


def test_a_place_that_says_the_same_again_and_again_is_silenced(written: io.StringIO) -> None:
    log = logging.getLogger("backend.test")
    for turn in range(500):
        log.error("turn %d", turn)
    log.error("another place")
    lines = written.getvalue().splitlines()
    assert len(lines) == logs._PER_PLACE + 1
    assert lines[-1].endswith("another place")


def test_an_exception_that_the_server_repeats_has_one_line(written: io.StringIO) -> None:
    error, other = RuntimeError("once"), RuntimeError("another")
    logging.getLogger("backend.api.errors").error("GET /v1/x", exc_info=error)
    logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=error)
    _only_line(written)
    logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=other)
    assert written.getvalue().count("\n") == 2

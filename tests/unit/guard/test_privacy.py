import io
import json
import logging

import pytest
import structlog

from cds_hooks.guard.privacy import LOGGED, allow_list, configure_logging, loggable_instance, origin_of


@pytest.fixture
def lines():
    stream = io.StringIO()
    configure_logging(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()


def test_a_line_is_one_json_object_with_time_and_level(lines):
    structlog.get_logger().info("called", status=200, cards=2)

    [line] = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "called", "level": "info", "status": 200, "cards": 2}


def test_a_member_without_permission_is_dropped_and_its_name_is_told(lines):
    structlog.get_logger().info("called", patient_id="canary", name="canary", status=200)

    [line] = lines()
    assert line["dropped"] == ["name", "patient_id"]
    assert "canary" not in json.dumps(line)


def test_an_exception_text_is_not_written(lines):
    try:
        int("canary")
    except ValueError:
        structlog.get_logger().exception("fault", error="ValueError")

    [line] = lines()
    assert line["dropped"] == ["exc_info"]
    assert "canary" not in json.dumps(line)


def test_only_named_members_pass():
    event = dict.fromkeys([*LOGGED, "token"], 1)

    assert allow_list(None, "info", event) == dict.fromkeys(LOGGED, 1) | {"dropped": ["token"]}


@pytest.mark.parametrize(
    "name", ["httpx2", "httpcore2", "uvicorn.access", "asyncio", "sqlalchemy", "aiosqlite", "alembic"]
)
@pytest.mark.usefixtures("lines")
def test_loggers_that_write_addresses_are_silent(name):
    assert not logging.getLogger(name).isEnabledFor(logging.ERROR)


@pytest.mark.usefixtures("lines")
def test_loggers_that_were_not_named_still_tell_of_errors():
    assert logging.getLogger("uvicorn.error").isEnabledFor(logging.ERROR)


def test_a_logger_that_was_made_before_obeys_as_well(lines):
    logger = structlog.get_logger()
    logger.info("called")
    second = io.StringIO()
    configure_logging(second)
    logger.info("called", patient_id="canary")

    assert len(lines()) == 1
    assert json.loads(second.getvalue())["dropped"] == ["patient_id"]


def test_lines_go_to_standard_error_by_default(capsys):
    configure_logging()
    structlog.get_logger().info("called")
    structlog.reset_defaults()

    assert "called" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "logged"),
    [
        ("D1577C69-DFBE-44AD-BA6D-3E05E953B2EA", "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"),
        ("Jane Canary", "not a UUID"),
        ("", "not a UUID"),
    ],
)
def test_a_hook_instance_is_logged_only_when_it_can_say_nothing(given, logged):
    assert logged == loggable_instance(given)


def test_the_origin_of_an_exception_is_a_file_and_a_line():
    def read_a_chart():
        raise ValueError("canary")

    with pytest.raises(ValueError, match="canary") as caught:
        read_a_chart()

    assert origin_of(caught.value.__traceback__).startswith("test_privacy.py:")


def test_an_exception_that_was_never_raised_has_no_origin():
    assert origin_of(None) == "unknown"

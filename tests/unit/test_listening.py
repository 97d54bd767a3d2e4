"""An address is held first; a port that is taken is said in words, with what to do."""

import signal
import socket
import threading
import time
from urllib.request import urlopen

import pytest

from cds_hooks.errors import SettingsError
from cds_hooks.listening import listen, serve


async def nothing(scope, receive, send):
    """An application that answers 204 to everything."""
    if scope["type"] == "lifespan":
        for stage in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{stage}.complete"})
        return
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def unable(_scope, receive, send):
    """An application that fails to start."""
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no"})


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_any_free_port_is_held_from_the_start(host):
    if host == "::1" and not _has_ipv6():
        pytest.skip("this machine has no address ::1")
    with listen(host, 0, another="x") as held, socket.create_connection(held.getsockname()[:2]):
        assert held.getsockname()[1] > 0


def _has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_a_taken_port_is_named_with_the_way_to_another():
    with listen("127.0.0.1", 0, another="x") as held:
        port = held.getsockname()[1]
        with pytest.raises(SettingsError) as refused:
            listen("127.0.0.1", port, another="PORT=9000 make run")

    assert str(refused.value) == (
        f"Port {port} of 127.0.0.1 is taken. End what listens there, or choose another port: PORT=9000 make run"
    )


def test_an_address_of_another_machine_cannot_be_had():
    with pytest.raises(SettingsError, match=r"Port 9000 of 192\.0\.2\.1 cannot be had: "):
        listen("192.0.2.1", 9000, another="x")


def test_it_answers_there_until_interrupted():
    statuses = []
    held = listen("127.0.0.1", 0, another="x")
    address = f"http://127.0.0.1:{held.getsockname()[1]}/"

    def ask_then_interrupt():
        with urlopen(address, timeout=10) as answer:
            statuses.append((answer.status, answer.headers["server"]))
        time.sleep(0.05)
        signal.raise_signal(signal.SIGINT)

    asker = threading.Thread(target=ask_then_interrupt)
    asker.start()
    serve(nothing, held)
    asker.join()

    assert statuses == [(204, None)]


def test_what_does_not_start_is_a_failure_of_the_process():
    with listen("127.0.0.1", 0, another="x") as held, pytest.raises(SystemExit) as ended:
        serve(unable, held)

    assert ended.value.code == 3

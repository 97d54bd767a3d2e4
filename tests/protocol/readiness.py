"""The service as a load balancer meets it: not ready until its canaries were asked."""

import time


def until_ready(client, seconds=60):
    """The answer of /readyz once it is not that canaries are being asked; after that time, the last one."""
    until = time.monotonic() + seconds
    while (answer := client.get("/readyz")).status_code == 503 and time.monotonic() < until:
        assert answer.json()["issue"][0]["details"]["text"] == "Canary patients are being asked."
        time.sleep(0.05)
    return answer

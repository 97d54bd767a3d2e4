"""Who may see counts and reports."""

import base64

import pytest

from cds_hooks.admin import is_admin

TOKEN = "a token of thirty-two characters"


def basic(password, user="admin"):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("sent", [f"Bearer {TOKEN}", f"bearer  {TOKEN}", basic(TOKEN), basic(TOKEN, "")])
def test_the_token_lets_in(sent):
    assert is_admin([sent], TOKEN)


@pytest.mark.parametrize(
    "sent",
    [
        [],
        [""],
        [TOKEN],
        ["Bearer"],
        [f"Bearer {TOKEN}x"],
        [f"Digest {TOKEN}"],
        [basic("wrong")],
        ["Basic %%"],
        ["Basic " + base64.b64encode(b"\xff:\xff").decode()],
        ["Basic " + base64.b64encode(TOKEN.encode()).decode()],
        [f"Bearer {TOKEN}", f"Bearer {TOKEN}"],
    ],
)
def test_nothing_else_does(sent):
    assert not is_admin(sent, TOKEN)

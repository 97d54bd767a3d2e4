"""`pytest tests/golden --rewrite` writes the cards of every sandbox patient anew; a clinician reads the diff."""


def pytest_addoption(parser):
    parser.addoption("--rewrite", action="store_true", help="Write the golden cards anew instead of comparing.")

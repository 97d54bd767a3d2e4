"""`httpx` and `httpcore` become names of httpx2 and httpcore2, so that respx intercepts what transport sends.

respx patches httpx only. pytest loads this module with `-p`, before respx's own entry point imports
httpx; a conftest.py would be too late. It can go when respx supports httpx2 itself.
"""

import httpx2

httpx2.alias_httpx()

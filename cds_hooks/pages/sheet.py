"""sheet: a whole HTML page with our plain style, and the policy under which browsers show it.

No script, no form, no image, nothing from elsewhere: the policy allows this one style and forbids the rest.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape

_STYLE = """
:root { color-scheme: light; }
body { font: 1rem/1.5 system-ui, sans-serif; color: #1a1d21; background: #fff; margin: 0 auto; padding: 1.5rem;
  max-width: 90rem; }
body.leaflet { max-width: 42rem; font-size: 1.15rem; }
h1, h2, h3 { line-height: 1.25; margin: 1.6em 0 .5em; }
h1 { margin-top: 0; }
a { color: #0b4f8a; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; margin: .75rem 0; }
th, td { border: 1px solid #c5ccd3; padding: .35rem .5rem; text-align: left; vertical-align: top;
  overflow-wrap: break-word; }
th { background: #eef2f5; }
section:target > h3, tr:target > td { background: #fff3c4; }
.help { border: 3px solid #a51d1d; border-radius: .4rem; padding: .2rem 1rem; margin: 1rem 0; }
.help, .beside { break-inside: avoid; }
.help h2, .help h3 { color: #a51d1d; margin-top: .6em; }
.soon { border-color: #8a5a00; }
.soon h2 { color: #7a4f00; }
.small { font-size: .85rem; color: #4a525a; }
@media (max-width: 60rem) { table { display: block; overflow-x: auto; } }
@media print {
  body { padding: 0; max-width: none; }
  a { color: inherit; text-decoration: none; }
  tr, li, h2, h3 { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  thead { display: table-header-group; }
}
"""

_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'sha256-{_DIGEST}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""The Content-Security-Policy of these pages."""


def sheet(title: str, body: str, kind: str = "") -> bytes:
    """The page as it goes out. `body` is HTML that was made from escaped text; `kind` is a class of the style."""
    named = f' class="{escape(kind)}"' if kind else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head>\n<body{named}>\n{body}\n</body></html>\n"
    ).encode()

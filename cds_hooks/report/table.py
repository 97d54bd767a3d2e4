"""The report as comma-separated values: one row for each rule and stretch of time, for a spreadsheet."""

from __future__ import annotations

import csv
import io

from cds_hooks.report.numbers import Report, told

HEADS = ("rule", "from", "calls", "met", "per_1000", "mean", "low", "high", "outside")


def report_csv(report: Report) -> str:
    """Rules that charts met; counts under five are not told, and then no rate is."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(HEADS)
    for record in report.rules:
        for point in record.points if record.met else ():
            limits = point.limits(record.rate)
            is_told = told(point.met) == str(point.met)
            rows.writerow(
                (
                    record.rule,
                    point.start.isoformat(timespec="minutes"),
                    point.calls,
                    told(point.met),
                    f"{point.rate:.2f}" if is_told and point.rate is not None else "",
                    f"{record.rate:.2f}",
                    f"{limits.low:.2f}",
                    f"{limits.high:.2f}",
                    "yes" if point.is_out(record.rate) else "no",
                )
            )
    return text.getvalue()

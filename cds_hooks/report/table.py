"""The report as comma-separated values: one row for each rule and stretch of time, for a spreadsheet."""

from __future__ import annotations

import csv
import io

from cds_hooks.report.numbers import Report, told

HEADS = ("rule", "from", "calls", "met", "per_1000", "mean", "low", "high", "outside")


def report_csv(report: Report) -> str:
    """Rules that charts met; counts under five are not told, and then no rate is.

    Nor is the mean of a rule with such a count, or its limits: with the other counts they would tell it.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(HEADS)
    for record in report.rules:
        is_mean_told = all(_is_told(point.calls) and _is_told(point.met) for point in record.points)
        for point in record.points if record.met else ():
            limits = point.limits(record.rate)
            is_told = _is_told(point.met)
            rows.writerow(
                (
                    record.rule,
                    point.start.isoformat(timespec="minutes"),
                    told(point.calls),
                    told(point.met),
                    f"{point.rate:.2f}" if is_told and point.rate is not None else "",
                    *(f"{one:.2f}" if is_mean_told else "" for one in (record.rate, limits.low, limits.high)),
                    "yes" if point.is_out(record.rate) else "no",
                )
            )
    return text.getvalue()


def _is_told(count: int) -> bool:
    return told(count) == str(count)

"""A trained run as one page of HTML that needs nothing beside it."""

from adafuse_tf.report.report import REPORT, Report, write_report

__all__ = ["REPORT", "Report", "write_report"]

"""Metric series and the segments that hold their points (docs/adr/0002)."""

from django.db import models


class MetricSeries(models.Model):
    """What search and tables need of all points of one metric of one run.

    ``latest_value`` NULL means NaN: a series without points has no row. The minimum and maximum leave NaN out.
    ``finite_sum`` of the ``finite_count`` values that are finite, re-sent ones counted again; NULL: not known.
    """

    run = models.ForeignKey("tracking.Run", on_delete=models.CASCADE, related_name="metric_series", db_index=False)
    key = models.ForeignKey("tracking.Key", on_delete=models.PROTECT, related_name="+", db_index=False)
    latest_step = models.BigIntegerField()
    latest_timestamp_ms = models.BigIntegerField()
    latest_value = models.FloatField(null=True)
    min_value = models.FloatField(null=True)
    max_value = models.FloatField(null=True)
    first_step = models.BigIntegerField()
    last_step = models.BigIntegerField()
    received = models.BigIntegerField()
    finite_sum = models.FloatField(null=True)
    finite_count = models.BigIntegerField(null=True)

    class Meta:
        db_table = "metric_series"
        constraints = [models.UniqueConstraint(name="metric_series_is_unique", fields=["run", "key"])]
        indexes = [models.Index(name="metric_series_by_value", fields=["key", "latest_value", "run"])]


class MetricSegment(models.Model):
    """The points of one acknowledged request, or what compaction left of many, packed; never changes."""

    run = models.ForeignKey("tracking.Run", on_delete=models.CASCADE, related_name="metric_segments")
    payload = models.BinaryField()

    class Meta:
        db_table = "metric_segment"


class MetricBlock(models.Model):
    """Many points of one series, packed (metrics.blocks), with what is known of them without unpacking; never changes.

    The blocks of a series do not overlap: a block holds the points from (first_step, first_timestamp_ms) up to the
    next block's. ``fine``, ``middle`` and ``coarse`` are its summaries over 2^6, 2^10 and 2^14 steps (metrics.pyramid).
    The big columns come last: reading the others does not touch them.
    """

    run = models.ForeignKey("tracking.Run", on_delete=models.CASCADE, related_name="metric_blocks", db_index=False)
    key = models.ForeignKey("tracking.Key", on_delete=models.PROTECT, related_name="+", db_index=False)
    first_step = models.BigIntegerField()
    first_timestamp_ms = models.BigIntegerField()
    last_step = models.BigIntegerField()
    last_timestamp_ms = models.BigIntegerField()
    min_timestamp_ms = models.BigIntegerField()
    max_timestamp_ms = models.BigIntegerField()
    count = models.IntegerField()
    coarse = models.BinaryField()
    middle = models.BinaryField()
    fine = models.BinaryField()
    payload = models.BinaryField()

    class Meta:
        db_table = "metric_block"
        constraints = [
            models.UniqueConstraint(
                name="metric_blocks_do_not_start_together", fields=["run", "key", "first_step", "first_timestamp_ms"]
            )
        ]

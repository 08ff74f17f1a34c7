"""Metric series and the segments that hold their points (docs/adr/0002)."""

from django.db import models


class MetricSeries(models.Model):
    """What search and tables need of all points of one metric of one run.

    ``latest_value`` NULL means NaN: a series without points has no row. The minimum and maximum leave NaN out.
    """

    run = models.ForeignKey("tracking.Run", on_delete=models.CASCADE, related_name="metric_series")
    key = models.ForeignKey("tracking.Key", on_delete=models.PROTECT, related_name="+", db_index=False)
    latest_step = models.BigIntegerField()
    latest_timestamp_ms = models.BigIntegerField()
    latest_value = models.FloatField(null=True)
    min_value = models.FloatField(null=True)
    max_value = models.FloatField(null=True)
    first_step = models.BigIntegerField()
    last_step = models.BigIntegerField()
    received = models.BigIntegerField()

    class Meta:
        db_table = "metric_series"
        constraints = [models.UniqueConstraint(name="metric_series_is_unique", fields=["run", "key"])]
        indexes = [models.Index(name="metric_series_by_value", fields=["key", "latest_value", "run"])]


class MetricSegment(models.Model):
    """The points of one acknowledged request, packed (metrics.codec); never changes."""

    run = models.ForeignKey("tracking.Run", on_delete=models.CASCADE, related_name="metric_segments")
    payload = models.BinaryField()

    class Meta:
        db_table = "metric_segment"

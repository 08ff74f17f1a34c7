"""Logs: structlog over the standard library, for people (console) or machines (one JSON object a line)."""

import logging.config
import re

import structlog

from tracking.identity.secrets import PREFIX

TIMETABLE = ("celery.beat", "celery.worker.strategy", "celery.app.trace")


def log_config(*, style: str, level: str) -> None:
    """Send every logger's lines to stderr in the chosen style."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        )  # no locals: secrets
    )
    tail: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if style == "json":
        tail.append(structlog.processors.format_exc_info)
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": _Formatter,
                    "foreign_pre_chain": shared,
                    "processors": [*tail, renderer],
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {
                # Django logs each 4xx as a warning; the answer already says it to the one who asked.
                "django.request": {"level": "ERROR"},
                "django.security.DisallowedHost": {"level": "CRITICAL"},
                # Several lines every five seconds, which say that the timetable is kept; /work shows it too.
                **{name: {"level": "WARNING" if level == "INFO" else level} for name in TIMETABLE},
            },
        }
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Strikes tokens out: the path of a sign-in link holds one, and so does whatever quotes a tracking URI."""

    def format(self, record: logging.LogRecord) -> str:
        return re.sub(rf"{PREFIX}\w+", f"{PREFIX}***", super().format(record))

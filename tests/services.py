"""What a machine may or may not have: PostgreSQL, Redis, a browser."""

from __future__ import annotations

import os
import shutil

DEFAULT_POSTGRES = "postgres://postgres@127.0.0.1:5432/postgres"
DEFAULT_REDIS = "redis://127.0.0.1:6379/15"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def postgres_url() -> str:
    return os.environ.get("ROVI_TEST_POSTGRES") or DEFAULT_POSTGRES


def postgres_answers() -> bool:
    import psycopg

    try:
        psycopg.connect(postgres_url(), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def redis_url() -> str:
    return os.environ.get("ROVI_TEST_REDIS") or DEFAULT_REDIS


def redis_answers() -> bool:
    import redis

    try:
        return bool(redis.Redis.from_url(redis_url(), socket_connect_timeout=1).ping())
    except redis.RedisError:
        return False


def browser_path() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)

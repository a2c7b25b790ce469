"""How rows come in: decoded, checked, stored once, counted."""

from datahub.ingest.storing import StoreResult, store_columns, store_records

__all__ = ["StoreResult", "store_columns", "store_records"]

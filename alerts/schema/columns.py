"""What all tables share: the metadata, times, ids, realms."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Dialect, MetaData, String, TypeDecorator


class Utc(TypeDecorator[datetime]):
    """Aware `datetime` <-> milliseconds since 1970-01-01 UTC; a naive time is refused."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Return milliseconds, refusing a time without zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"want an aware time, got {value!r}: add a zone")
        return round(value.timestamp() * 1000)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return an aware UTC time."""
        return None if value is None else datetime.fromtimestamp(value / 1000, UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def identity(name: str = "id") -> Column[str]:
    """Return a table's key of its own."""
    return Column(name, String(64), primary_key=True)


def realm() -> Column[str]:
    """Return the realm, as part of a key."""
    return Column("realm", String(8), primary_key=True)

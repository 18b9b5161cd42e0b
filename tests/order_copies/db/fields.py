"""Every field of Django, fields of shops, and values for each, in models with tables of their own.

The models have an app registry of their own, so that other tests do not find them.
"""

import base64
import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.apps.registry import Apps
from django.db import connection, models
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy

from order_copies.models.statuses import Status

registry = Apps()
ROME = ZoneInfo("Europe/Rome")
KEYS = [UUID(int=2**100 + n) for n in (7, 3, 9, 1)]


class EncryptedField(models.TextField):
    """Saves what only it can read; the secret is base64."""

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else base64.b64encode(value.encode()).decode()

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return None if value is None else base64.b64decode(value).decode()


class EncryptedBytesField(EncryptedField):
    """Saves bytes, in a binary column."""

    def get_internal_type(self) -> str:
        return "BinaryField"

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else value.encode()[::-1]

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return None if value is None else bytes(value)[::-1].decode()


class NonceField(models.TextField):
    """Saves equal values differently, as an encryption with a nonce does."""

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        self.nonce = getattr(self, "nonce", 0) + 1
        return f"{self.nonce}:{value}"


class NullCharField(models.CharField):
    """Saves an empty text as NULL, as a field of django-oscar does."""

    def get_prep_value(self, value: Any) -> Any:
        return super().get_prep_value(value) or None

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return value or ""


class UpperField(models.CharField):
    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        saved = super().get_db_prep_save(value, connection)
        return saved.upper() if isinstance(saved, str) else saved


class StrippedField(models.CharField):
    """Overrides only ``to_python``, which Django calls for a value that is saved too."""

    def to_python(self, value: Any) -> Any:
        return value.strip() if isinstance(value, str) else value


class LooselyTypedField(models.TextField):
    """Saves numbers in a column of text."""

    def get_prep_value(self, value: Any) -> Any:
        return value


class PointField(models.Field):
    """Has a type of column that Django does not know."""

    def db_type(self, connection: Any) -> str:
        return "point" if connection.vendor == "postgresql" else "varchar(20)"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return str(value)


class HexField(models.IntegerField):
    """Saves numbers, and reads them as texts."""

    def get_prep_value(self, value: Any) -> Any:
        return int(value, 16) if isinstance(value, str) else value

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return None if value is None else f"{value:x}"


class Money:
    """An amount that only :class:`MoneyEncoder` writes as JSON."""

    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and self.cents == other.cents

    def __hash__(self) -> int:
        return hash(self.cents)


class MoneyEncoder(json.JSONEncoder):
    def default(self, o: Any) -> Any:
        return {"cents": o.cents} if isinstance(o, Money) else super().default(o)


class MoneyField(models.JSONField):
    """Saves Money by its own encoder, and reads it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"encoder": MoneyEncoder} | kwargs)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        found = super().from_db_value(value, expression, connection)
        return Money(found["cents"]) if isinstance(found, dict) else found


class ConvertedMoneyField(MoneyField):
    """Converts values before they are encoded."""

    def get_prep_value(self, value: Any) -> Any:
        return {"cents": value.cents, "unit": "cent"} if isinstance(value, Money) else value


def model_of(label: str, /, **members: Any) -> Any:
    """Return a model with these members, whose table :func:`create_tables` creates."""
    meta = type("Meta", (), {"apps": registry, "app_label": "fields", **members.pop("meta", {})})
    bases = members.pop("bases", (models.Model,))
    return type(label, bases, {"Meta": meta, "__module__": __name__, **members})


UUIDKeyed = model_of("UUIDKeyed", key=models.UUIDField(primary_key=True, db_column="the key"))
Satellite = model_of(
    "Satellite", of=models.OneToOneField(UUIDKeyed, models.CASCADE, primary_key=True)
)
Coded = model_of("Coded", code=models.CharField(max_length=20, unique=True))


def to(model: Any, **options: Any) -> Any:
    """Return a foreign key without a constraint."""
    options = {"null": True, "db_constraint": False, "related_name": "+"} | options
    return models.ForeignKey(model, models.CASCADE, **options)


LATE = datetime(2024, 10, 27, 2, 30, tzinfo=ROME)
#: A field and the values to save, by the name of the test.
CASES: dict[str, tuple[Any, list[Any]]] = {
    "BigIntegerField": (
        models.BigIntegerField(null=True),
        [0, 2**63 - 1, -(2**63), Decimal(7), None],
    ),
    "BinaryField": (models.BinaryField(null=True), [b"", b"\0\xff'%s\\", bytearray(b"a"), None]),
    "BooleanField": (models.BooleanField(null=True), [True, False, None, "1", 0, Decimal(1)]),
    "CharField": (
        models.CharField(max_length=20, null=True),
        ["", "é😀", "'%s\\", "null", "1e3", gettext_lazy("Order"), 5, True, 1.5, None],
    ),
    "choices": (models.CharField(max_length=20), [Status.PENDING, "free"]),
    "DateField": (models.DateField(null=True), [date(1, 1, 2), "2024-02-29", None]),
    "DateTimeField": (
        models.DateTimeField(null=True),
        [datetime(2024, 2, 29, 23, 59, 59, 987654, UTC), LATE, LATE.replace(fold=1), None],
    ),
    "DecimalField": (
        models.DecimalField(max_digits=12, decimal_places=2, null=True),
        [Decimal("1.10"), Decimal("-0.01"), Decimal("1E+2"), Decimal("9999999999.99"), 3, None],
    ),
    "DurationField": (
        models.DurationField(null=True),
        [timedelta(-1, 5, 7), timedelta(40000), timedelta(microseconds=1), None],
    ),
    "EmailField": (models.EmailField(), ["a@example.com"]),
    "FileField": (models.FileField(), ["folder/é.txt", ""]),
    "FilePathField": (models.FilePathField(), ["/tmp/a"]),
    "FloatField": (models.FloatField(null=True), [0.1, 1e300, 2.2250738585072014e-308, None]),
    "ForeignKey": (to(Coded), [5, "6", None]),
    "ForeignKey to a UUID": (to(UUIDKeyed, db_column="the column"), [*KEYS, str(KEYS[0]), None]),
    "ForeignKey to a foreign key": (to(Satellite), [*KEYS, None]),
    "ForeignKey to a code": (to(Coded, to_field="code"), ["é", "7", None]),
    "GenericIPAddressField": (
        models.GenericIPAddressField(null=True),
        ["1.2.3.4", "2001:DB8::1", "::ffff:1.2.3.4", None],
    ),
    "ImageField": (models.ImageField(), ["a.png"]),
    "IntegerField": (models.IntegerField(null=True), [1, "2", True, 3.0, -(2**31), None]),
    "JSONField": (
        models.JSONField(null=True),
        [{"a": [None, "é\\"]}, "text", "", 1.5, 2**53, True, [], None],
    ),
    "OneToOneField": (
        models.OneToOneField(UUIDKeyed, models.CASCADE, db_constraint=False, related_name="+"),
        KEYS,
    ),
    "PositiveBigIntegerField": (models.PositiveBigIntegerField(), [0, 2**63 - 1]),
    "PositiveIntegerField": (models.PositiveIntegerField(), [0, 2**31 - 1]),
    "PositiveSmallIntegerField": (models.PositiveSmallIntegerField(), [0, 2**15 - 1]),
    "SlugField": (models.SlugField(), ["a-slug"]),
    "SmallIntegerField": (models.SmallIntegerField(), [-(2**15), 2**15 - 1]),
    "TextField": (models.TextField(null=True), ["x" * 10**5, "\n\t\r'\"", None]),
    "TimeField": (models.TimeField(null=True), [time(23, 59, 59, 987654), time(0), "12:30", None]),
    "URLField": (models.URLField(), ["https://example.com/?a=%s"]),
    "UUIDField": (models.UUIDField(null=True), [*KEYS, KEYS[0].hex, str(KEYS[1]), None]),
    "db_default": (models.IntegerField(db_default=5), [1, 2]),
    "encrypted text": (EncryptedField(null=True), ["clear", "", None]),
    "encrypted bytes": (EncryptedBytesField(null=True), ["clear", "é", None]),
    "NULL for an empty text": (NullCharField(max_length=20, null=True), ["", "a", None]),
    "upper case": (UpperField(max_length=20, null=True), ["abc", "É", None]),
    "only to_python": (StrippedField(max_length=20), [" a ", "b"]),
    "loosely typed": (LooselyTypedField(null=True), ["a", 5, True, None]),
    "own type of column": (PointField(), ["(1,2)"]),
    "read as another type": (HexField(null=True), ["ff", 16, None]),
    "own encoder of JSON": (MoneyField(null=True), [Money(5), [Money(1)], None]),
    "own conversion to JSON": (ConvertedMoneyField(null=True), [Money(5), [1], None]),
}  # fmt: skip
if connection.vendor != "postgresql":
    CASES["TextField"][1].append("a\0b")
if connection.vendor != "mysql":
    CASES["FloatField"][1].append(float("inf"))
if connection.vendor == "postgresql":
    from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, IntegerRangeField

    CASES |= {
        "ArrayField": (
            ArrayField(models.CharField(max_length=9), null=True),
            [["a", "'"], [], None],
        ),
        "ArrayField of UUIDs": (ArrayField(models.UUIDField()), [KEYS]),
        "DateTimeRangeField": (DateTimeRangeField(), [(LATE, None)]),
        "IntegerRangeField": (IntegerRangeField(null=True), [(1, 5), None]),
    }

MODELS = {
    name: model_of(f"Case{number}", value=field)
    for number, (name, (field, _)) in enumerate(CASES.items())
}

#: A field of a primary key, keys that are not in order, and the keys as a query returns them.
KEY_CASES: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "AutoField": (models.AutoField(primary_key=True), [7, 3, 9, 1], [7, 3, 9, 1]),
    "BigAutoField": (models.BigAutoField(primary_key=True), [7, 2**62, 9, 1], [7, 2**62, 9, 1]),
    "SmallAutoField": (models.SmallAutoField(primary_key=True), [7, 3, 9, 1], [7, 3, 9, 1]),
    "UUIDField": (models.UUIDField(primary_key=True), KEYS, KEYS),
    "UUIDField as text": (models.UUIDField(primary_key=True), [str(it) for it in KEYS], KEYS),
    "CharField": (models.CharField(max_length=9, primary_key=True), [*"bäa"], [*"bäa"]),
    "OneToOneField": (
        models.OneToOneField(
            Satellite, models.CASCADE, primary_key=True, db_constraint=False, related_name="+"
        ),
        KEYS,
        KEYS,
    ),
    "upper case": (UpperField(max_length=9, primary_key=True), ["b", "c", "a"], ["B", "C", "A"]),
    "read as another type": (HexField(primary_key=True), ["ff", "a", 11], ["ff", "a", "b"]),
    "DecimalField": (
        models.DecimalField(max_digits=5, decimal_places=2, primary_key=True),
        ["2.50", "1.00"],
        [Decimal("2.50"), Decimal("1.00")],
    ),
    "BinaryField": (
        models.BinaryField(max_length=9, primary_key=True),
        [b"\xff", b"a"],
        [b"\xff", b"a"],
    ),
}  # fmt: skip
if connection.vendor == "mysql":
    # MariaDB has no keys of binary columns without a length.
    del KEY_CASES["BinaryField"]

KEYED_MODELS = {
    name: model_of(f"Key{number}", key=field, position=models.IntegerField())
    for number, (name, (field, _, _)) in enumerate(KEY_CASES.items())
}

Composite = model_of(
    "Composite",
    pk=models.CompositePrimaryKey("tenant", "code"),
    tenant=models.IntegerField(),
    code=models.UUIDField(),
    name=models.TextField(),
)
Generated = model_of(
    "Generated",
    name=models.CharField(max_length=9),
    upper=models.GeneratedField(
        expression=Upper("name"), output_field=models.CharField(max_length=9), db_persist=True
    ),
    coded=models.ManyToManyField(Coded),
)
WithDefault = model_of(
    "WithDefault", name=models.TextField(), number=models.IntegerField(db_default=5)
)
Measured = model_of("Measured", weight=models.FloatField(null=True), details=models.JSONField())
Nonces = model_of("Nonces", value=NonceField())

Place = model_of("Place", name=models.CharField(max_length=20), details=models.JSONField(null=True))
Shop = model_of("Shop", bases=(Place,), code=models.UUIDField())
ShopProxy = model_of("ShopProxy", bases=(Shop,), meta={"proxy": True})
Pharmacy = model_of("Pharmacy", bases=(ShopProxy,), rating=models.FloatField())
Empty = model_of("Empty")
Filled = model_of("Filled", bases=(Empty,), text=models.TextField())
Cinema = model_of("Cinema", bases=(Place,), seats=models.IntegerField())
ShopCinema = model_of(
    "ShopCinema",
    bases=(Shop, Cinema),
    shop=models.OneToOneField(
        Shop, models.CASCADE, parent_link=True, primary_key=True, related_name="+"
    ),
    cinema=models.OneToOneField(Cinema, models.CASCADE, parent_link=True, related_name="+"),
)


def tables() -> list[Any]:
    """Return the models above that have a table, each after those that it refers to."""
    known = registry.all_models["fields"].values()
    return [it for it in known if not it._meta.proxy and not it._meta.auto_created]

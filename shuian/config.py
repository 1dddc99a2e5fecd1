"""One TOML file and the environment → each room's frozen settings; every error reported at once.

An environment variable ``SHUIAN_<SECTION>__<KEY>`` wins over the file (``SHUIAN_CHANNELS__WEBHOOK__SECRET``,
``SHUIAN_MQTT__0__PASSWORD``): secrets need not stand in a file.
"""

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import TypeAdapter, ValidationError

from alerts import channels
from alerts.errors import PolicyError
from alerts.go_live_facts import Settings as GoLive
from alerts.policy import Policy
from detectors.errors import RuleError
from detectors.partition import Settings as DetectSettings
from detectors.rules import parse as parse_rule
from ingest.devices import FORMATS
from ingest.influx_dialects import InfluxSettings
from ingest.key_map import KeyMap, KeyRule
from ingest.limits import LimitSettings
from ingest.mqtt import BrokerSettings
from ingest.retention import Retention
from ingest.rules import PlainRule, ReaderRules, pattern
from shuian.broker_accounts import ServerSettings
from shuian.errors import BadInput

ENVIRONMENT = "SHUIAN_"
TOPICS = (
    "shuian/v1/+/+/up",
    "shuian/v1/+/+/status",
    "wmbusmeters/#",
    "zigbee2mqtt/#",
    "application/+/device/+/event/+",
    "v3/+/devices/#",
    "tele/#",
    "+/events/rpc",
    "+/status/+",
    "+/online",
    "shellies/#",
    "/sys/#",
    "homeassistant/+/+/config",
    "homeassistant/+/+/+/config",
    "homeassistant/+/+/unit_of_measurement",
    "homeassistant/+/+/device_class",
    "homeassistant/+/+/state_class",
    "+/sensor/+/state",
    "+/binary_sensor/+/state",
    "+/status",
    "+/main/+",
    "+/connection",
    "everblu/#",
    "libmbus2mqtt/#",
    "rtl_433/+/events",
    "rtl_433/+/availability",
    "rtlamr/+/state",
    "$sys/#",
    "$oc/#",
    "tylink/#",
    "ctwing/#",
    "cjt188/#",
    "dtu/#",
    "yomtey/+/s/+",
    "pushinfo/+",
    "/iotinfo/+",
    "senml/#",
    "fiware/#",
    "rtlamr/+/attributes",
)
"""Filters of which no two fit a topic in use: some brokers send a message once for each filter that fits it."""
T = TypeVar("T")
SECRET = ("password", "secret", "token")


@dataclass(frozen=True)
class ServiceSettings:
    """Where things are and how people here speak."""

    data: Path = Path("shuian-data")
    zone: str = "Asia/Shanghai"
    site: str = "shuian"


@dataclass(frozen=True)
class WebSettings:
    """Where the pages are."""

    host: str = "127.0.0.1"
    port: int = 8080
    base_url: str = ""
    duty_phone: str = ""


@dataclass(frozen=True)
class Config:
    """Everything, read once at start."""

    service: ServiceSettings = field(default_factory=ServiceSettings)
    mqtt: tuple[BrokerSettings, ...] = ()
    broker: ServerSettings = field(default_factory=ServerSettings)
    retention: Retention = field(default_factory=Retention)
    detect: DetectSettings = field(default_factory=DetectSettings)
    policy: Policy = field(default_factory=Policy)
    web: WebSettings = field(default_factory=WebSettings)
    go_live: GoLive = field(default_factory=GoLive)
    channels: Mapping[str, Any] = field(default_factory=dict)
    plain: tuple[PlainRule, ...] = ()
    formats: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[KeyRule, ...] = ()
    limits: LimitSettings = field(default_factory=LimitSettings)
    influx: InfluxSettings | None = None
    """Where readings are copied to; None: nowhere."""

    @property
    def rules(self) -> ReaderRules:
        """What readers are told that no message says."""
        return ReaderRules(self.plain, tuple(self.formats.items()), KeyMap(self.keys))

    @property
    def base_url(self) -> str:
        """The address that people are sent to."""
        return self.web.base_url or f"http://{self.web.host}:{self.web.port}"


def example() -> str:
    """Return the commented configuration that `shuian init` writes."""
    return (files("shuian") / "example.toml").read_text("utf-8")


def load(path: Path, environment: Mapping[str, str] | None = None) -> Config:
    """Read `path` and the environment.

    Raises
    ------
    BadInput
        Every wrong or unknown setting, each with where it stands, what was wanted and what came.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BadInput(f"no configuration at {path}", f"write one with: shuian init {path}") from None
    except (OSError, UnicodeDecodeError) as trouble:
        raise BadInput(f"cannot read {path}: {trouble}", "want a UTF-8 text file that this user may read") from None
    except tomllib.TOMLDecodeError as fault:
        raise BadInput(f"{path} is not TOML: {fault}", "compare it with what 'shuian init' writes") from None
    _overlay(table, os.environ if environment is None else environment)
    return build(table, str(path), path.parent)


def build(table: Mapping[str, Any], name: str, folder: Path = Path()) -> Config:
    """Make a `Config` of a parsed table; a relative data folder is taken from `folder`."""
    faults: list[str] = []
    known = {one.name for one in dataclasses.fields(Config)}
    faults += [f"{key}: no such section; want one of {', '.join(sorted(known))}" for key in sorted(set(table) - known)]
    service = _section(ServiceSettings, table.get("service", {}), "service", faults)
    detect = _section(DetectSettings, table.get("detect", {}), "detect", faults)
    web = _section(WebSettings, table.get("web", {}), "web", faults)
    live = _section(GoLive, table.get("go_live", {}), "go_live", faults)
    server = _section(ServerSettings, table.get("broker", {}), "broker", faults)
    influx = _section(InfluxSettings, table["influx"], "influx", faults) if "influx" in table else None
    kept = _section(Retention, table.get("retention", {}), "retention", faults)
    faults += [f"retention.{fault}" for fault in kept.faults()] if kept else []
    limits = _section(LimitSettings, table.get("limits", {}), "limits", faults)
    faults += [f"limits.{fault}" for fault in limits.faults()] if limits else []
    brokers = table.get("mqtt", [])
    if not isinstance(brokers, list):
        faults.append("mqtt: want [[mqtt]] with double brackets, one for each broker")
        brokers = []
    site = service.site if service else ServiceSettings.site
    mqtt = [_section(BrokerSettings, broker_defaults(site, one), f"mqtt.{n}", faults) for n, one in enumerate(brokers)]
    rules = table.get("keys", [])
    if not isinstance(rules, list):
        faults.append("keys: want [[keys]] with double brackets, one for each kind of device")
        rules = []
    keys = [_section(KeyRule, one, f"keys.{n}", faults) for n, one in enumerate(rules)]
    policy = Policy()
    try:
        policy = Policy.load(table.get("policy", {}))
    except PolicyError as wrong:
        faults += [f"policy.{fault}" for fault in wrong.faults]
    wanted = _channels(table.get("channels", {}), faults)
    plain, formats = _plain(table.get("plain", []), faults), _formats(table.get("formats", {}), faults)
    if service and not _zone(service.zone):
        faults.append(f"service.zone: want an IANA time zone such as Asia/Shanghai, got {service.zone!r}")
    for rule in detect.rules if detect else ():
        try:
            parse_rule(rule)
        except RuleError as wrong_rule:
            faults.append(f"detect.rules: {wrong_rule}")
    if (
        faults
        or service is None
        or detect is None
        or web is None
        or live is None
        or server is None
        or kept is None
        or limits is None
    ):
        listed = "\n  ".join(faults)
        raise BadInput(f"{name} has {len(faults)} fault(s):\n  {listed}", "mend each, then try: shuian check")
    if not service.data.is_absolute():
        service = dataclasses.replace(service, data=folder / service.data)
    brokers, meanings = tuple(_beside(one, folder) for one in mqtt if one), tuple(one for one in keys if one)
    return Config(
        service, brokers, server, kept, detect, policy, web, live, wanted, plain, formats, meanings, limits, influx
    )


def broker_defaults(site: str, entry: Any) -> Any:
    """Return a broker's settings with what need not be said: topics, and the client id on which its session hangs."""
    if not isinstance(entry, Mapping):
        return entry
    return _with(entry, {"port": 1883, "topics": TOPICS, "client_id": f"{site}-ingest-{entry.get('name', '')}"})


def _beside(broker: BrokerSettings, folder: Path) -> BrokerSettings:
    """Return `broker` with its certificates taken from `folder` where their paths are relative, as the data folder is."""
    ours = {name: getattr(broker, name) for name in ("ca_file", "cert_file", "key_file")}
    files: dict[str, Any] = {name: str(folder / file) for name, file in ours.items() if file}
    return dataclasses.replace(broker, **files)


def _with(given: Any, defaults: Mapping[str, Any]) -> Any:
    return {**defaults, **given} if isinstance(given, Mapping) else given


def _channels(table: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    wanted = {}
    for name, values in table.items():
        if name not in channels.CHANNELS:
            faults.append(f"channels.{name}: no such channel; want one of {', '.join(sorted(channels.CHANNELS))}")
            continue
        wanted[name] = _section(channels.CHANNELS[name].Settings, values, f"channels.{name}", faults)
    return {name: settings for name, settings in wanted.items() if settings is not None}


def _plain(entries: Any, faults: list[str]) -> tuple[PlainRule, ...]:
    if not isinstance(entries, list):
        faults.append("plain: want [[plain]] with double brackets, one for each rule")
        return ()
    rules = [_section(PlainRule, entry, f"plain.{n}", faults) for n, entry in enumerate(entries)]
    return tuple(rule for rule in rules if rule is not None)


def _formats(table: Any, faults: list[str]) -> dict[str, str]:
    """Return which format topics are to be read as."""
    if not isinstance(table, Mapping):
        faults.append('formats: want a section [formats] of "topic filter" = "format"')
        return {}
    for topic, name in table.items():
        try:
            pattern(topic)
        except ValueError as wrong:
            faults.append(f"formats: {wrong}")
        if name not in FORMATS:
            faults.append(f'formats."{topic}": want one of {", ".join(sorted(FORMATS))}, got {name!r}')
    return dict(table)


def _section(cls: type[T], values: Any, where: str, faults: list[str]) -> T | None:
    if not isinstance(values, Mapping):
        faults.append(f"{where}: want a section [{where}], got {values!r}")
        return None
    try:
        return TypeAdapter(cls).validate_python(_known(cls, values, where, faults))
    except ValidationError as wrong:
        for fault in wrong.errors():
            place = ".".join(str(part) for part in (where, *fault["loc"]))
            whole = isinstance(fault["input"], Mapping)  # a section as it stands, passwords and all
            came = "(hidden)" if whole or place.endswith(SECRET) else repr(fault["input"])
            faults.append(f"{place}: {fault['msg'][0].lower()}{fault['msg'][1:]}, got {came}")
        return None


def _known(cls: Any, values: Mapping[str, Any], where: str, faults: list[str]) -> dict[str, Any]:
    """Return the values without those that no field takes, which are faults; sections inside sections too."""
    kinds = get_type_hints(cls)
    unknown = sorted(set(values) - set(kinds))
    faults += [f"{where}.{key}: no such setting; want one of {', '.join(sorted(kinds))}" for key in unknown]
    return {
        key: _known(kinds[key], value, f"{where}.{key}", faults)
        if dataclasses.is_dataclass(kinds[key]) and isinstance(value, Mapping)
        else value
        for key, value in values.items()
        if key in kinds
    }


def _zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _overlay(table: dict[str, Any], environment: Mapping[str, str]) -> None:
    for name, value in environment.items():
        if not name.startswith(ENVIRONMENT) or "__" not in name:
            continue
        *path, last = name.removeprefix(ENVIRONMENT).lower().split("__")
        place: Any = table
        for step in path:
            if isinstance(place, list):
                if not step.isdigit() or int(step) >= len(place):
                    raise BadInput(f"{name}: there is no [[{path[0]}]] number {step}", "count from 0, as in the file")
                place = place[int(step)]
            else:
                place = place.setdefault(step, {})
        place[last] = value

"""What the detectors of a service run with."""

from dataclasses import dataclass, field

from detectors.drift import DriftSettings
from detectors.leak import LeakSettings
from detectors.quiet import QuietSettings
from detectors.silence import SilenceSettings
from detectors.surge import SurgeSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """What detectors of a service run with."""

    quiet: QuietSettings = field(default_factory=QuietSettings)
    silence: SilenceSettings = field(default_factory=SilenceSettings)
    surge: SurgeSettings = field(default_factory=SurgeSettings)
    leak: LeakSettings = field(default_factory=LeakSettings)
    drift: DriftSettings = field(default_factory=DriftSettings)
    rules: tuple[str, ...] = ()
    """Names of rules in force beside the personal model (`detectors.rules`)."""

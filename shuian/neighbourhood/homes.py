"""Who lives where, which devices hang there, and which story each home tells.

Three buildings of ten floors and two doors: 1 has meters of our own format (quarter hours), 2 hears its meters through
wmbusmeters and 3 through Zigbee2MQTT (hours).  One home of building 2 is a recorded real one.  All names are invented.
"""

from dataclasses import dataclass
from typing import Literal

Story = Literal[
    "life", "fall", "running", "tap", "leak", "declared", "out", "sos", "dead_meter",
    "dead_gateway", "recorded", "cut", "cut_fall",
]  # fmt: skip
BUILDINGS = (1, 2, 3)
FLOORS = range(1, 11)
RISERS = ("A", "B")
FORMATS = {1: "native", 2: "wmbusmeters", 3: "zigbee2mqtt"}
PERIODS_S = {1: 900, 2: 3600, 3: 3600}
RECORDED_PERIOD_S = 900
STORIES: dict[str, Story] = {
    "1-301": "fall",
    "1-402": "running",
    "1-501": "tap",
    "1-602": "leak",
    "1-701": "out",
    "1-802": "declared",
    "1-901": "sos",
    "1-1002": "dead_meter",
    "2-801": "recorded",
    "3-502": "cut_fall",
}
"""Door -> what happens there; besides, riser B of building 2 loses its gateway and building 3 its water."""
SENSORS = {"1-301": ("motion",), "1-701": ("motion", "door"), "1-901": ("motion", "sos")}
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡林郭何高罗郑梁谢宋唐许邓韩冯曹"
GIVEN = "秀英国强桂兰德明美珍玉珠志华淑贞建国丽华文海月娥永福素芬长青凤仙宝山惠兰春生翠萍"
NAMED = {"1-301": "林秀英", "1-402": "周国强", "1-501": "何桂兰", "1-701": "吴美珍", "2-801": "陈玉珠"}


@dataclass(frozen=True)
class Home:
    """One home of the demo."""

    id: str
    building: int
    floor: int
    door: str
    riser: str
    resident: str
    device: str
    gateway: str
    period_s: int
    seed: int
    story: Story
    sensors: tuple[str, ...]
    """Kinds of sensors besides the meter: motion, door, sos."""

    @property
    def format(self) -> str:
        """The format its meter speaks."""
        return FORMATS[self.building]

    @property
    def place(self) -> str:
        """Building and door, as ids and addresses name it."""
        return f"{self.building}-{self.door}"

    def sensor(self, kind: str) -> str:
        """Return the name of its sensor of this kind."""
        return f"{kind}-{self.place}"


def building_name(building: int) -> str:
    """Return what people call a building."""
    return f"安和里 {building} 栋"


def _story(building: int, riser: str, place: str) -> Story:
    common: dict[int, Story] = {1: "life", 2: "dead_gateway" if riser == "B" else "life", 3: "cut"}
    return STORIES.get(place, common[building])


def _device(building: int, door: str) -> str:
    number = f"{building}{int(door):04d}"
    return {1: f"wm-{number}", 2: f"763{number}", 3: f"water-{building}-{door}"}[building]


def _name(place: str, number: int) -> str:
    if place in NAMED:
        return NAMED[place]
    given = 2 * ((number * 3 + number // 20) % (len(GIVEN) // 2))
    return SURNAMES[number * 7 % len(SURNAMES)] + GIVEN[given : given + 2]


def _homes() -> tuple[Home, ...]:
    made: list[Home] = []
    for building in BUILDINGS:
        for floor in FLOORS:
            for nth, riser in enumerate(RISERS, 1):
                door, number = f"{floor}0{nth}", len(made)
                place = f"{building}-{door}"
                story = _story(building, riser, place)
                made.append(
                    Home(
                        id=f"h-{place}",
                        building=building,
                        floor=floor,
                        door=door,
                        riser=riser,
                        resident=_name(place, number),
                        device=_device(building, door),
                        gateway=f"gw-{building}{riser}",
                        period_s=RECORDED_PERIOD_S if story == "recorded" else PERIODS_S[building],
                        seed=SEEDS[number],
                        story=story,
                        sensors=SENSORS.get(place, ()),
                    )
                )
    return tuple(made)


SEEDS = (
    23, 26, 50, 66, 103, 114, 133, 144, 336, 160, 179, 215, 252, 260, 268, 280, 291, 296, 330, 331,
    400, 450, 495, 496, 500, 501, 513, 515, 518, 538, 540, 548, 577, 591, 611, 619, 644, 667, 669, 683,
    700, 717, 726, 750, 786, 787, 789, 797, 803, 824, 828, 834, 837, 871, 875, 879, 894, 895, 897, 902,
)  # fmt: skip
"""People whose days are regular: in half a year without stories none of these draws a false alarm, so that what is
to be watched stands out.  How many false alarms ordinary people cost is measured by ``python -m benchmarks.quiet``."""

HOMES = _homes()


def told(story: Story) -> Home:
    """Return the home that tells a story of one home."""
    return next(home for home in HOMES if home.story == story)

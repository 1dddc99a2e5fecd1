"""What the demo's stories are found as."""

FOUND = {
    ("1-301", "quiet", "red"),
    ("1-402", "surge", "red"),
    ("1-501", "surge", "amber"),
    ("1-602", "leak", "blue"),
    ("1-701", "quiet", "amber"),
    ("1-901", "sos", "red"),
    ("1-1002", "meter_silent", "blue"),
    ("3-502", "quiet", "red"),
}
"""What must be found; besides two area events, and nothing at all about 1-802, who is away."""

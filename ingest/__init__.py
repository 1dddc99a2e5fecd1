"""MQTT in: what devices say, judged, stored, and only then acknowledged.  Knows devices, never people."""

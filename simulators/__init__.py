"""Homes, meters and gateways that do not exist: they speak MQTT and HTTP like the world."""

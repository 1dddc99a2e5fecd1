"""The process: configuration, command line, wiring.  Imports every room, is imported by none."""

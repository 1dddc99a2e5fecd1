"""Tests that need a server which no package brings: not part of the suite, run by a target of their own."""

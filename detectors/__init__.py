"""Pure numpy detectors: what is unusual about a row's water, and why.  Knows rows, never identities."""

"""People and cases: from a finding to a person at the door, and proof of it."""

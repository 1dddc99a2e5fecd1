"""The interface for other programs: the registry's sheets as resources, cases to read, a token for each program.

One resource a sheet, with the sheet's columns, words and rules (`alerts.registry.sheets`), so that whoever knows the file
knows the interface.  Every answer is within the token's area; what lies outside does not exist for it.
"""

from alerts.api.app import create
from alerts.api.problems import refused

__all__ = ["create", "refused"]

"""A running service as the player of a drill sees it: its interface for programs, and how it is."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from shuian.errors import Trouble

EMPTY = 204


class Api:
    """The service as a program sees it; every refusal is told in words.  May be used by several threads.

    Parameters
    ----------
    client : httpx.Client
        With the service's address and the token in its headers.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    @property
    def url(self) -> str:
        """Where the pages of the service are."""
        return str(self._client.base_url).rstrip("/")

    def __call__(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, may: int = 0) -> Any:
        """Return what the service answers; None for the refusal `may`, and where there is nothing to say.

        Raises
        ------
        Trouble
            It cannot be reached, or refuses.
        """
        answer = self._asked(method, f"/api/v1{path}", body)
        if answer.status_code in (may, EMPTY):
            return None
        if answer.is_error:
            raise Trouble(
                f"the service refuses ({answer.status_code}): {_why(answer)}", "docs/drills.md says what a drill needs"
            )
        return answer.json()

    def _asked(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        try:
            return self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise Trouble(
                f"the service cannot be reached: {type(error).__name__}", "is it running? name it with --url"
            ) from None

    def rows(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of all pages of a list."""
        after = ""
        while True:
            joined = "&" if "?" in path else "?"
            page = self("GET", f"{path}{joined}limit=500{after}")
            yield from page["items"]
            if not page["next"]:
                return
            after = f"&after={page['next']}"

    def counts(self) -> dict[str, int]:
        """Return what ``/healthz`` counts: among others readings ``stored``, and batches ``behind``, not judged yet."""
        answer = self._asked("GET", "/healthz")
        said = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        found: dict[str, int] = said.get("counts", {})
        return found


def _why(answer: httpx.Response) -> str:
    if "json" not in answer.headers.get("content-type", ""):
        return ""
    said = answer.json()
    wrong = [f"{one.get('field', '')}: {one.get('wanted', '')}" for one in said.get("errors", ())]
    return "; ".join([str(said.get("detail", "")), *wrong])

"""Text messages through an aggregator, in the form common in mainland China: an approved template and its parameters.

Free text is refused there, so a message names a template code and fills its gaps; ``OutId`` is the notice id.  Requests are
signed as Alibaba Cloud's SMS service wants them (``SendSms``, ``QuerySendDetails``, version 2017-05-25), and receipts
(``SmsReport``) and answers (``SmsUp``) are read in its form.  Calls to us must be signed as in the Standard Webhooks
specification; of a provider that signs nothing, receipts are asked for instead, and answers are not heard.
Source: Alibaba Cloud, "Short Message Service: API reference", error codes and receipts, read in 2026.
"""

import json
import re
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar, Literal
from uuid import uuid4

import httpx

from alerts.channels import RESERVE, Outgoing, Receipt, Reply, Result, Sample, Unreadable, is_loopback
from alerts.signatures import acs3_headers, form, verify

VERSION = "2017-05-25"
BEIJING = timezone(timedelta(hours=8))
"""In which the service tells times, without saying so."""
_NUMBER = re.compile(r"1[3-9][0-9]{9}|\+(?!86)[1-9][0-9]{7,14}")
BAD_NUMBER = frozenset({"isv.MOBILE_NUMBER_ILLEGAL"})
LATER = frozenset({
    "isv.BUSINESS_LIMIT_CONTROL", "isv.DAY_LIMIT_CONTROL", "isv.MONTH_LIMIT_CONTROL",  # so many to one number
    "isv.AMOUNT_NOT_ENOUGH", "isv.OUT_OF_SERVICE", "isv.ACCOUNT_ABNORMAL",  # somebody pays, and it works again
})  # fmt: skip
"""Refusals that a later attempt may not meet; other ``isv.`` codes (template, signature, parameters) are for good."""
NOBODY = frozenset({"MOBILE_NOT_ON_SERVICE", "MOBILE_ACCOUNT_ABNORMAL", "IS_CLOSED"})
"""Receipts which say that the number is not in service."""
WAITING, FAILED, ARRIVED = 1, 2, 3
"""``SendStatus`` of `QuerySendDetails`."""


@dataclass(frozen=True)
class Settings:
    """The aggregator, our templates there, and how much one number may get."""

    endpoint: str = "https://dysmsapi.aliyuncs.com"
    key_id: str = ""
    secret: str = field(default="", repr=False)
    sign_name: str = ""
    """The approved signature, which stands before each text in 【】."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """Kind of notice to approved template code.  The kind is a notice's name (``offer``, ``reply_accepted``) or else its
    reader's role (``worker``, ``family``, ``operator``); of a drill the same after ``drill_``."""
    call_secret: str = field(default="", repr=False)
    """Signs the provider's calls to ``/gateway/sms/receipt`` and ``/gateway/sms/reply``; empty: none is believed."""
    quota_per_hour: int = 5
    """Most messages to one number within an hour (five is the usual limit of providers)."""
    live_reserve: int = 3
    """So many of them are kept for real cases: a drill stops before."""
    timeout_s: float = 10.0
    loopback_only: bool = False
    """Refuse a service that is not this machine: for demonstrations and drills."""


def address_fault(address: str) -> str | None:
    """Return what was wanted of `address`; None: it is well-formed."""
    wanted = "a mobile number: 11 digits of mainland China, or + and another country's"
    return None if _NUMBER.fullmatch(address) else wanted


def number(given: str) -> str:
    """Return a number as the registry has it: providers put 86, +86 or 0086 before."""
    return re.sub(r"^(\+|00)?86(?=1[3-9][0-9]{9}$)", "", given.strip())


class Quota:
    """Counts messages by number; one process's memory, while the provider keeps its own count."""

    def __init__(self, per_hour: int, live_reserve: int) -> None:
        self._most = {"live": per_hour, "drill": per_hour - live_reserve}
        self._sent: defaultdict[str, deque[float]] = defaultdict(deque)

    def take(self, to: str, realm: str, now_s: float) -> bool:
        """Count one more message to a number, unless that would be too many; `now_s` by any clock that only rises.

        `realm`: ``live`` may use all of them, anything else leaves the reserve alone.
        """
        sent = self._sent[to]
        while sent and sent[0] <= now_s - 3600:
            sent.popleft()
        if len(sent) >= self._most["live" if realm == "live" else "drill"]:
            return False
        sent.append(now_s)
        return True


class Channel:
    """Sends text messages, asks what became of them, and reads what the provider tells us."""

    answers: ClassVar[Literal[True]] = True

    def __init__(self, settings: Settings) -> None:
        self._settings, self._url = settings, httpx.URL(settings.endpoint)
        if settings.loopback_only and not is_loopback(self._url.host):
            raise ValueError(f"want a message service on this machine (loopback_only), got {self._url.host!r}")
        if not settings.key_id or not settings.secret or not settings.sign_name:
            raise ValueError("want key_id, secret and sign_name for the sms channel: without them nothing is accepted")
        self._client = httpx.AsyncClient(timeout=settings.timeout_s, follow_redirects=False, trust_env=False)
        self._quota = Quota(settings.quota_per_hour, settings.live_reserve)

    async def send(self, outgoing: Outgoing) -> Result:
        """Try once."""
        template = template_of(outgoing, self._settings.templates)
        if template is None:
            return Result("failed", permanent=True, detail=f"no template for {outgoing.template}")
        kind = "live" if outgoing.may_use_reserve else "drill"
        if not self._quota.take(outgoing.address, kind, time.monotonic()):
            if kind != "live":
                return Result("failed", permanent=True, detail=RESERVE)
            return Result("failed", detail="quota of this number")
        try:
            answer = await self._call("SendSms", fields(outgoing, self._settings.sign_name, template), outgoing.sent_at)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return Result("failed", detail=f"no connection: {type(error).__name__}")
        except httpx.HTTPError as error:
            return Result("unknown", detail=f"cut off: {type(error).__name__}")
        return said(answer)

    async def ask(self, notice: str, address: str, provider_id: str, sent_at: datetime) -> Receipt | None:
        """Return what became of a message; None: nobody knows yet, or the provider does not answer."""
        params = {
            "PhoneNumber": address, "SendDate": sent_at.astimezone(BEIJING).strftime("%Y%m%d"), "PageSize": "50",
            "CurrentPage": "1",
        } | ({"BizId": provider_id} if provider_id else {})  # fmt: skip
        try:
            answer = await self._call("QuerySendDetails", params, datetime.now(UTC))
            rows = answer.json()["SmsSendDetailDTOs"]["SmsSendDetailDTO"]
            mine = [row for row in rows if row["OutId"] == notice]
            return _detail(notice, address, mine[0]) if mine else None
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return None

    async def _call(self, action: str, params: Mapping[str, str], now: datetime) -> httpx.Response:
        s, body = self._settings, form(params)
        host = self._url.netloc.decode()
        headers = acs3_headers(s.key_id, s.secret, host, action, VERSION, body, now, uuid4().hex)
        return await self._client.post(self._url.join("/"), content=body, headers=headers)

    def receipts(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Receipt]:
        """Return the receipts of a signed call in the form of ``SmsReport``."""
        verify(self._settings.call_secret, headers, body, now)
        return [_report(row) for row in _rows(body, ("out_id", "phone_number", "success"))]

    def replies(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Reply]:
        """Return the answers of a signed call in the form of ``SmsUp``."""
        verify(self._settings.call_secret, headers, body, now)
        rows = _rows(body, ("sequence_id", "phone_number", "content"))
        return [
            Reply(str(row["sequence_id"]), number(str(row["phone_number"])), str(row["content"])[:70]) for row in rows
        ]

    async def close(self) -> None:
        """Close kept connections."""
        await self._client.aclose()


def template_of(outgoing: Outgoing, templates: Mapping[str, str]) -> str | None:
    """Return the code of the approved text for a notice; a drill never goes out in the words of a real one."""
    before = "" if outgoing.realm == "live" else "drill_"
    return templates.get(before + outgoing.template) or templates.get(before + outgoing.role)


def fields(outgoing: Outgoing, sign_name: str, template: str) -> dict[str, str]:
    """Return the parameters of ``SendSms``."""
    gaps = json.dumps(dict(outgoing.params), ensure_ascii=False, separators=(",", ":"))
    return {
        "PhoneNumbers": outgoing.address, "SignName": sign_name, "TemplateCode": template, "TemplateParam": gaps,
        "OutId": outgoing.id,
    }  # fmt: skip


def said(answer: httpx.Response) -> Result:
    """Return what the service's answer means."""
    try:
        row = answer.json()
        code = str(row["Code"])
    except (ValueError, KeyError, TypeError):
        later = answer.status_code >= 500 or answer.status_code in (408, 429)
        if answer.is_success:
            return Result("unknown", detail="an answer that cannot be read")
        return Result("failed", permanent=not later, detail=str(answer.status_code))
    if code == "OK":
        return Result("accepted", detail="OK", provider_id=str(row.get("BizId", "")))
    permanent = code.startswith("isv.") and code not in LATER
    return Result("failed", permanent=permanent, detail=code[:80], bad_address=code in BAD_NUMBER)


def _detail(notice: str, address: str, row: Mapping[str, Any]) -> Receipt | None:
    code = str(row.get("ErrCode", ""))
    if row["SendStatus"] == ARRIVED:
        return Receipt(notice, address, "delivered", _moment(row.get("ReceiveDate")))
    return Receipt(notice, address, "failed", None, code, code in NOBODY) if row["SendStatus"] == FAILED else None


def _report(row: Mapping[str, Any]) -> Receipt:
    code = str(row.get("err_code", ""))[:80]
    here = str(row["out_id"]), number(str(row["phone_number"]))
    if row["success"] is True:
        return Receipt(*here, "delivered", _moment(row.get("report_time")))
    return Receipt(*here, "failed", _moment(row.get("report_time")), code, code in NOBODY)


def _moment(given: Any) -> datetime | None:
    try:
        return datetime.strptime(str(given), "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
    except ValueError:
        return None


def _rows(body: bytes, wanted: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    try:
        rows = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("want JSON") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) and all(k in row for k in wanted) for row in rows):
        raise Unreadable(f"want a list of objects with {', '.join(wanted)}")
    return rows


SAMPLES = (
    Sample(
        Outgoing(
            id="0123456789abcdef0123", address="13900000001", subject="有 1 个紧急任务", text="紧急",
            link="https://shuian.example/link/x", language="zh_CN", realm="live",
            created_at=datetime(2026, 11, 21, tzinfo=UTC), sent_at=datetime(2026, 11, 21, tzinfo=UTC),
            template="offer", role="worker", params={"level": "紧急", "code": "47", "number": "01234567"},
        ),
        ("OutId=0123456789abcdef0123", "PhoneNumbers=13900000001", "TemplateCode=", "%2247%22"),
    ),
)  # fmt: skip

"""A message aggregator on loopback: takes approved templates only, tells what became of messages, brings answers.

It speaks as Alibaba Cloud's SMS service does (``SendSms``, ``QuerySendDetails``, ``SmsReport``, ``SmsUp``); signatures are
checked here with code of our own, written from the description of "V3 request structure and signature", so that sender
and receiver prove each other.  Its calls to the service are signed as in the Standard Webhooks specification.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import httpx
from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse

from simulators.inbox import Message

if TYPE_CHECKING:
    from simulators.gateways import Gateways

BEIJING = timezone(timedelta(hours=8))
ACS3 = "ACS3-HMAC-SHA256"
SKEW_S = 900
"""How old a request may be: fifteen minutes, as the service's description says. [s]"""
TEMPLATES: Mapping[str, str] = {
    "SMS_1": "有1个${level}任务。回复 1 ${code} 接单，2 ${code} 不能去。编号${number}",
    "SMS_2": "您的任务有新消息（${level}），请打开系统查看。编号${number}",
    "SMS_3": "社区给您的一条消息，请查看或致电社区值班。编号${number}",
    "SMS_4": "值班：有1件事要看。编号${number}",
    "SMS_5": "已由您负责：${place}。编号${number}",
    "SMS_9": "【演练】有1个${level}任务。回复 1 ${code} 接单，2 ${code} 不能去。编号${number}",
    "SMS_10": "【演练】您的任务有新消息（${level}），请打开系统查看。编号${number}",
    "SMS_11": "【演练】社区给您的一条消息，请查看。编号${number}",
    "SMS_12": "【演练】值班：有1件事要看。编号${number}",
}
"""Texts that were approved, with their gaps."""
WAITING, FAILED, ARRIVED = 1, 2, 3


@dataclass(slots=True)
class Sent:
    """One message as the aggregator keeps it."""

    phone: str
    template: str
    out_id: str
    biz_id: str
    at: datetime
    status: int = WAITING
    code: str = ""
    arrived_at: datetime | None = None


@dataclass
class Aggregator:
    """The service behind ``POST /`` and its calls back.

    Parameters
    ----------
    gateways : Gateways
        Whose faults and inbox it shares.
    key_id, secret : str
        The account's; its calls back are signed with the same secret.
    callback : str
        Where the service listens, without a slash at the end; empty: nothing is called.
    """

    gateways: "Gateways"
    key_id: str
    secret: str
    callback: str = ""
    sent: list[Sent] = field(default_factory=list)
    calls: list[tuple[str, int]] = field(default_factory=list)
    """(path, HTTP status) of every call back, in order; status 0: nobody answered."""
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _texts: int = 0

    def router(self) -> APIRouter:
        """Return the routes."""
        routes = APIRouter()

        @routes.post("/")
        async def call(request: Request) -> JSONResponse:
            body = await request.body()
            if (wrong := self._unsigned(request, body)) is not None:
                return _refuse(wrong, 400)
            params = dict(parse_qsl(body.decode()))
            if request.headers["x-acs-action"] == "QuerySendDetails":
                return JSONResponse(self._details(params))
            return await self._send(params)

        @routes.post("/reply")
        async def reply(said: dict[str, Any] = Body()) -> dict[str, bool]:  # noqa: B008 - as the framework asks for it
            await self.reply(str(said["phone"]), str(said["text"]), copies=int(said.get("copies", 1)))
            return {"ok": True}

        return routes

    # --- what we are asked for -------------------------------------------------------------------------------------

    async def _send(self, params: Mapping[str, str]) -> JSONResponse:
        phone, template, faults = params["PhoneNumbers"], params["TemplateCode"], self.gateways.faults
        gaps = json.loads(params.get("TemplateParam", "{}"))
        text = TEMPLATES.get(template)
        if phone in faults.bad_numbers:
            return _refuse("isv.MOBILE_NUMBER_ILLEGAL")
        if text is None or template in faults.reject_templates:
            return _refuse("isv.SMS_TEMPLATE_ILLEGAL")
        for name, value in gaps.items():
            text = text.replace("${" + name + "}", str(value))
        if "${" in text:
            return _refuse("isv.TEMPLATE_MISSING_PARAMETERS")
        if (
            sum(one.phone == phone and one.at > datetime.now(UTC) - timedelta(hours=1) for one in self.sent)
            >= faults.quota
        ):
            return _refuse("isv.BUSINESS_LIMIT_CONTROL")
        one = Sent(phone, template, params["OutId"], f"{time.time_ns()}^0", datetime.now(UTC))
        kept = len(self.gateways.inbox.copies())
        message = Message(one.out_id, "sms", phone, "", f"【{params['SignName']}】{text}", None, time.time())
        answer = await self.gateways.take(message)
        if not answer.ok:
            return _refuse("isp.SYSTEM_ERROR" if answer.later else "isv.SMS_SIGNATURE_ILLEGAL")
        self.sent.append(one)
        self._later(self._arrives(one, lost=len(self.gateways.inbox.copies()) == kept))
        return JSONResponse({"Code": "OK", "Message": "OK", "BizId": one.biz_id, "RequestId": "r"})

    def _details(self, params: Mapping[str, str]) -> dict[str, Any]:
        biz = params.get("BizId")
        mine = [one for one in self.sent if one.phone == params["PhoneNumber"] and biz in (None, one.biz_id)]
        rows = [
            {
                "PhoneNum": one.phone, "SendStatus": one.status, "ErrCode": one.code, "OutId": one.out_id,
                "ReceiveDate": _beijing(one.arrived_at or one.at), "SendDate": _beijing(one.at),
            }
            for one in reversed(mine)
        ]  # fmt: skip
        return {"Code": "OK", "SmsSendDetailDTOs": {"SmsSendDetailDTO": rows}, "TotalCount": len(rows)}

    # --- what we tell ----------------------------------------------------------------------------------------------

    async def _arrives(self, one: Sent, *, lost: bool) -> None:
        """Bring a message to its phone after a while, or not, and tell what became of it, or lie."""
        faults = self.gateways.faults
        await asyncio.sleep(faults.receipt_s * (1 + self.gateways.chance.random() if faults.reorder else 1))
        one.arrived_at = datetime.now(UTC)
        if one.phone in faults.dead_numbers:
            one.status, one.code = FAILED, "MOBILE_NOT_ON_SERVICE"
        elif not lost or self.gateways.chance.random() < faults.lie:
            one.status, one.code = ARRIVED, "DELIVERED"
        else:
            return  # nobody will ever know
        for _ in range(1 + faults.repeat):
            await self.report(one)

    async def report(self, one: Sent) -> int:
        """Send the receipt of a message; return the HTTP status."""
        row = {
            "phone_number": one.phone, "send_time": _beijing(one.at), "report_time": _beijing(one.arrived_at or one.at),
            "success": one.status == ARRIVED, "err_code": one.code, "err_msg": "", "sms_size": "1",
            "biz_id": one.biz_id, "out_id": one.out_id,
        }  # fmt: skip
        return await self.call("/gateway/sms/receipt", [row])

    async def reply(self, phone: str, text: str, copies: int = 1, name: str | None = None) -> list[int]:
        """Bring what somebody answered, perhaps several times; return the HTTP statuses."""
        self._texts += 1
        row = {
            "phone_number": phone, "content": text, "send_time": _beijing(datetime.now(UTC)), "sign_name": "",
            "dest_code": "1", "sequence_id": name or f"up-{self._texts}-{time.time_ns()}",
        }  # fmt: skip
        return [await self.call("/gateway/sms/reply", [row]) for _ in range(copies)]

    async def call(self, path: str, rows: list[dict[str, Any]], secret: str | None = None, age_s: int = 0) -> int:
        """Call the service with a signature; `secret` and `age_s` make one that does not fit."""
        if not self.callback:
            return 0
        body, stamp = json.dumps(rows, ensure_ascii=False).encode(), str(int(time.time()) - age_s)
        name = f"call-{time.time_ns()}"
        signed = hmac.new(signing_key(secret or self.secret), f"{name}.{stamp}.".encode() + body, hashlib.sha256)
        headers = {
            "content-type": "application/json", "webhook-id": name, "webhook-timestamp": stamp,
            "webhook-signature": "v1," + base64.b64encode(signed.digest()).decode(),
        }  # fmt: skip
        status = 0
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=10.0) as client:
                status = (await client.post(self.callback + path, content=body, headers=headers)).status_code
        except httpx.HTTPError:
            pass
        self.calls.append((path, status))
        return status

    def _later(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Forget what was still to be told."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- signatures ------------------------------------------------------------------------------------------------

    def _unsigned(self, request: Request, body: bytes) -> str | None:
        """Return the error code of a request whose signature does not fit; None: it does."""
        given = request.headers.get("authorization", "")
        scheme, _, rest = given.partition(" ")
        parts = dict(part.partition("=")[::2] for part in rest.split(","))
        if scheme != ACS3 or parts.get("Credential") != self.key_id:
            return "InvalidAccessKeyId.NotFound"
        try:
            at = datetime.strptime(request.headers["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except (KeyError, ValueError):
            return "MissingTimestamp"
        if abs((datetime.now(UTC) - at).total_seconds()) > SKEW_S:
            return "InvalidTimeStamp.Expired"
        names = parts.get("SignedHeaders", "").split(";")
        hashed = hashlib.sha256(body).hexdigest()
        wanted = {
            "host",
            "x-acs-action",
            "x-acs-version",
            "x-acs-date",
            "x-acs-signature-nonce",
            "x-acs-content-sha256",
        }
        if not wanted <= set(names) or request.headers["x-acs-content-sha256"] != hashed:
            return "IncompleteSignature"
        lines = "\n".join(f"{name}:{request.headers.get(name, '').strip()}" for name in names)
        canonical = "\n".join(("POST", "/", "", lines, "", ";".join(names), hashed))
        to_sign = "\n".join((ACS3, hashlib.sha256(canonical.encode()).hexdigest()))
        want = hmac.new(self.secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
        return None if hmac.compare_digest(parts.get("Signature", ""), want) else "SignatureDoesNotMatch"


def signing_key(secret: str) -> bytes:
    """Return the key of a secret as the Standard Webhooks specification writes it: plain, or whsec_ and base64."""
    prefix, _, encoded = secret.partition("_")
    return base64.b64decode(encoded) if prefix == "whsec" else secret.encode()


def _refuse(code: str, status: int = 200) -> JSONResponse:
    return JSONResponse({"Code": code, "Message": code, "RequestId": "r"}, status)


def _beijing(at: datetime) -> str:
    return at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")

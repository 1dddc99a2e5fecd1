/* Pages work without this file.  It listens for changes and then fetches the page's block again, asks by itself every
   half minute while it hears nothing, sends taps without a reload and tries again when there is no network.
   Floor: Chromium 79. */
(function () {
  "use strict";
  var live = document.getElementById("live");
  if (!live || !window.fetch) return;
  var every = (Number(live.getAttribute("data-every")) || 30) * 1000;
  var lastTouch = 0, busy = false, waiting = null, pressed = null, gone = 0;
  var stream = null, dismissed = false, planned = 0, ticks = 0;

  function plain(html) { return html.replace(/name="(tap|form)" value="[^"]*"|data-v="\d*"/g, ""); }
  function show(id, on) { var line = document.getElementById(id); if (line) line.hidden = !on; }
  function each(list, act) { [].forEach.call(list, act); }

  function swap(html) {
    var box = document.createElement("div");
    box.innerHTML = html;
    var part = box.firstElementChild;
    if (!part || part.id !== "part") { location.reload(); return; }
    var old = document.getElementById("part");
    if (plain(old.outerHTML) === plain(part.outerHTML)) { old.setAttribute("data-v", part.getAttribute("data-v")); return; }
    var focus = document.activeElement, where = null;
    if (focus && old.contains(focus)) where = path(focus);
    var open = [].map.call(old.querySelectorAll("details"), function (d) { return [d.id, d.open]; });
    var typed = [].filter.call(old.querySelectorAll("input"), function (i) { return i.value !== i.defaultValue; });
    old.parentNode.replaceChild(part, old);
    open.forEach(function (pair) { var d = document.getElementById(pair[0]); if (d) d.open = pair[1]; });
    typed.forEach(function (i) { var same = part.querySelector('input[name="' + i.name + '"]'); if (same) same.value = i.value; });
    var again = where && part.querySelector(where);
    if (again) again.focus({ preventScroll: true });
    document.title = part.getAttribute("data-title") || document.title;
    countDown();
  }

  /* How to find the same control in the new block. */
  function path(el) {
    if (el.id) return "#" + CSS.escape(el.id);
    if (el.tagName === "INPUT") return 'input[name="' + el.name + '"]';
    if (el.name && el.value) return '[name="' + el.name + '"][value="' + CSS.escape(el.value) + '"]';
    if (el.tagName === "SUMMARY") return "#" + CSS.escape(el.parentNode.id) + " > summary";
    if (el.getAttribute("href")) return 'a[href="' + el.getAttribute("href") + '"]';
    return null;
  }

  function countDown() {
    clearTimeout(gone);
    var snack = live.querySelector("[data-gone]");
    if (snack) gone = setTimeout(refresh, Number(snack.getAttribute("data-gone")) * 1000 + 500);
  }

  function take(answer) {
    if (answer.status === 401) { location.reload(); return null; }
    if (answer.status !== 200 && answer.status !== 409) throw new Error("status " + answer.status);
    return answer.text();
  }

  /* Once, soon, however often it is asked for; never while a finger is on the page. */
  function later(ms) {
    if (!planned) planned = setTimeout(function () { planned = 0; refresh(); }, ms);
  }

  function refresh() {
    if (waiting || document.hidden) return;
    var rest = lastTouch + 2000 - Date.now();
    if (busy || rest > 0) { later(Math.max(rest, 300)); return; }
    busy = true;
    fetch(live.getAttribute("data-live"), { credentials: "same-origin" }).then(take).then(function (html) {
      busy = false;
      if (!html || waiting) return;
      show("blind", false);
      if (Date.now() - lastTouch >= 500) swap(html); else later(2000);
    }).catch(function () { busy = false; show("blind", true); });
  }

  /* An event says only that something changed.  The random part keeps many pages from asking in the same instant. */
  function listen() {
    if (!window.EventSource || dismissed || document.hidden || (stream && stream.readyState !== 2)) return;
    stream = new EventSource("/events?of=" + location.pathname.split("/")[1]);
    stream.onmessage = function (event) {
      var part = document.getElementById("part");
      if (String(JSON.parse(event.data).v) !== part.getAttribute("data-v")) later(150 + Math.random() * 500);
    };
    stream.addEventListener("bye", function () { dismissed = true; hush(); later(150); });
  }

  function hush() { if (stream) stream.close(); stream = null; }

  function tick() {
    listen();
    if (!stream || stream.readyState !== 1 || ++ticks % 2 === 0) refresh();
  }

  /* A tap carries an id, so sending it twice does it once. */
  function send() {
    var tap = waiting;
    if (!tap) return;
    fetch(tap.to, { method: "POST", body: tap.body, credentials: "same-origin" }).then(function (answer) {
      if (waiting === tap) waiting = null;
      if (answer.status >= 400 && answer.status !== 409) { location.reload(); return null; }
      return take(answer);
    }).then(function (html) {
      if (html) { swap(html); show("unsent", false); window.scrollTo(0, 0); }
    }).catch(function () {
      if (waiting === tap) { show("unsent", true); setTimeout(send, 5000); }
    });
  }

  live.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("button[name=do]");
    if (button) pressed = button;
  });
  live.addEventListener("submit", function (event) {
    var form = event.target;
    if (!form.hasAttribute("data-taps") || !pressed || !form.contains(pressed)) return;
    event.preventDefault();
    if (waiting) return;
    var data = new URLSearchParams(new FormData(form));
    data.set("do", pressed.value);
    data.set("part", "1");
    each(form.querySelectorAll("details[open]"), function (d) { d.open = false; });
    if (form.parentNode.tagName === "DETAILS") form.parentNode.open = false;
    each(form.querySelectorAll("input:not([type=hidden])"), function (i) { i.value = i.defaultValue; });
    waiting = { to: form.getAttribute("action"), body: data };
    send();
  });
  document.addEventListener("pointerdown", function () { lastTouch = Date.now(); });
  live.addEventListener("focusin", function (event) { if (event.target.tagName === "INPUT") lastTouch = Date.now() + 8000; });
  live.addEventListener("focusout", function () { lastTouch = Math.min(lastTouch, Date.now()); });
  document.addEventListener("visibilitychange", function () {
    if (document.hidden) hush(); else { listen(); refresh(); }
  });
  window.addEventListener("pagehide", hush);
  window.addEventListener("pageshow", function (event) { if (event.persisted) { listen(); refresh(); } });
  window.addEventListener("online", function () { listen(); if (waiting) send(); else refresh(); });
  setInterval(tick, every);
  countDown();
  listen();
})();

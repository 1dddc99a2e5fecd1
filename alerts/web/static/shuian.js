/* Pages work without this file.  It asks again every few seconds while the page is looked at, sends taps without a
   reload and tries again when there is no network.  Floor: Chromium 79. */
(function () {
  "use strict";
  var live = document.getElementById("live");
  if (!live || !window.fetch) return;
  var every = (Number(live.getAttribute("data-every")) || 15) * 1000;
  var lastTouch = 0, busy = false, waiting = null, pressed = null, gone = 0;

  function plain(html) { return html.replace(/name="tap" value="[^"]*"/g, ""); }
  function show(id, on) { var line = document.getElementById(id); if (line) line.hidden = !on; }

  function swap(html) {
    var box = document.createElement("div");
    box.innerHTML = html;
    var part = box.firstElementChild;
    if (!part || part.id !== "part") { location.reload(); return; }
    var old = document.getElementById("part");
    if (plain(old.outerHTML) === plain(part.outerHTML)) return;
    var focus = document.activeElement, where = null;
    if (focus && old.contains(focus)) where = path(focus);
    var open = [].map.call(old.querySelectorAll("details"), function (d) { return [d.id, d.open]; });
    old.parentNode.replaceChild(part, old);
    open.forEach(function (pair) { var d = document.getElementById(pair[0]); if (d) d.open = pair[1]; });
    var again = where && part.querySelector(where);
    if (again) again.focus({ preventScroll: true });
    document.title = part.getAttribute("data-title") || document.title;
    countDown();
  }

  /* How to find the same control in the new block. */
  function path(el) {
    if (el.id) return "#" + CSS.escape(el.id);
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

  function refresh() {
    if (busy || waiting || document.hidden || Date.now() - lastTouch < 2000) return;
    busy = true;
    fetch(live.getAttribute("data-live"), { credentials: "same-origin" }).then(take).then(function (html) {
      busy = false;
      if (html && !waiting && Date.now() - lastTouch >= 500) { swap(html); show("blind", false); }
    }).catch(function () { busy = false; show("blind", true); });
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
    [].forEach.call(form.querySelectorAll("details[open]"), function (d) { d.open = false; });
    waiting = { to: form.getAttribute("action"), body: data };
    send();
  });
  document.addEventListener("pointerdown", function () { lastTouch = Date.now(); });
  document.addEventListener("visibilitychange", refresh);
  window.addEventListener("online", function () { if (waiting) send(); else refresh(); });
  setInterval(refresh, every);
  countDown();
})();

"use strict";
(function () {
  var data = JSON.parse(document.getElementById("data").textContent);
  function id(name) { return document.getElementById(name); }
  function put(name, text) { id(name).textContent = text; }
  function hours(h) { return h === null ? data.unknown : h.toFixed(1); }
  function fill(text, slots) { return text.replace(/\{(\w+)\}/g, function (_, name) { return slots[name]; }); }
  function x(rate) { var a = data.axis; return a.left + Math.log(rate / a.from) / Math.log(a.to / a.from) * a.width; }
  function y(h) { var a = data.axis; return a.top + (1 - Math.min(h, a.most) / a.most) * a.height; }
  function mark(name, point) {
    [["median", 2], ["late", 3]].forEach(function (line) {
      var dot = id(name + "-" + line[0]);
      if (point[line[1]] === null) { dot.setAttribute("r", "0"); return; }
      dot.setAttribute("cx", x(point[0])); dot.setAttribute("cy", y(point[line[1]]));
    });
  }
  function show() {
    var ask = data.points[+id("ask").value], go = data.points[+id("go").value], homes = Math.max(1, +id("homes").value || 1);
    [["ask", ask], ["go", go]].forEach(function (one) {
      var p = one[1];
      id(one[0]).setAttribute("aria-valuetext", p[0]);
      put(one[0] + "-says", fill(data.says, { a: p[0], median: hours(p[2]), late: hours(p[3]), day: (p[0] * homes / 30.4).toFixed(1) })
        + (p[4] ? " " + data.few : ""));
      mark(one[0], p);
    });
    put("settings", "[detect.quiet]\namber = " + ask[1].toFixed(2) + "\nred = " + Math.max(go[1], ask[1]).toFixed(2)
      + "\nbudget = " + ask[0] + "\nred_budget = " + go[0]);
    put("order", go[1] < ask[1] ? data.order : "");
    data.groups.forEach(function (group, n) {
      var p = group[+id("ask").value];
      put("g" + n + "-rate", p[0] === null ? data.unknown : p[0].toFixed(2));
      put("g" + n + "-delay", hours(p[1]) + " / " + hours(p[2]));
    });
  }
  function nearest(rate) {
    var best = 0;
    data.points.forEach(function (p, n) { if (Math.abs(Math.log(p[0] / rate)) < Math.abs(Math.log(data.points[best][0] / rate))) best = n; });
    return best;
  }
  ["ask", "go"].forEach(function (name) { id(name).addEventListener("input", show); });
  id("homes").addEventListener("input", show);
  id("visits").addEventListener("input", function () {
    var wanted = +id("visits").value * 30.4 / Math.max(1, +id("homes").value || 1);
    if (wanted > 0) { id("go").value = nearest(wanted); show(); }
  });
  show();
}());

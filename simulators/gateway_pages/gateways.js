"use strict";
// Fetches the list again every three seconds while the page is seen; replaces it only when it changed.
(function () {
  var list = document.getElementById("messages");
  function refresh() {
    if (document.hidden) { return; }
    fetch(location.href).then(function (answer) { return answer.text(); }).then(function (page) {
      var fresh = new DOMParser().parseFromString(page, "text/html").getElementById("messages");
      if (fresh && fresh.innerHTML !== list.innerHTML && !list.contains(document.activeElement)) {
        list.innerHTML = fresh.innerHTML;
      }
    }).catch(function () { /* the server is being restarted: the next round finds it */ });
  }
  setInterval(refresh, 3000);
}());

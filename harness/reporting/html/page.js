// The page is whole without this: it only filters the table of all tests and opens what is folded before printing.
(function () {
  "use strict";
  var tools = document.querySelector(".tools");
  if (tools) {
    var input = tools.querySelector("input"), shown = tools.querySelector("output");
    var rows = Array.prototype.slice.call(document.querySelectorAll(".all tbody tr"));
    var texts = rows.map(function (row) { return row.textContent.toLowerCase(); });
    var filter = function () {
      var words = input.value.toLowerCase().split(/\s+/).filter(Boolean), count = 0;
      rows.forEach(function (row, index) {
        var match = words.every(function (word) { return texts[index].indexOf(word) >= 0; });
        row.hidden = !match;
        count += match;
      });
      shown.textContent = count + " of " + rows.length;
    };
    tools.hidden = false;
    input.addEventListener("input", filter);
    filter();
  }
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("article details").forEach(function (part) { part.open = true; });
  });
})();

// Shows the provider's captcha, hands its answer in, and asks for the page again once it was taken.
(function () {
  "use strict";
  var page = document.currentScript.dataset;
  var status = document.getElementById("status");
  var began = false, widget;
  function say(text) {
    status.textContent = text;
  }
  function again(text) {
    say(text);
    window[page.api].reset(widget);
  }
  function handIn(answer, left) {
    fetch(page.path, {
      cache: "no-store",
      headers: { Accept: "application/json", "X-Charon-Challenge": page.challenge, "X-Charon-Answer": answer },
    }).then(function (response) {
      var said = response.headers.get("X-Charon-Captcha");
      if (said === "passed" || said === "reload") return location.reload();
      if (said === "checking" && left > 0) {
        say("Your answer is being checked.");
        return setTimeout(handIn, 500, answer, left - 1);
      }
      again(said === "refused"
        ? "The answer was not accepted. Please try once more."
        : "The answer could not be checked. Please try once more.");
    }).catch(function () {
      again("The connection broke. Please try once more.");
    });
  }
  window.charonReady = function () {
    began = true;
    widget = window[page.api].render(document.getElementById("captcha"), {
      sitekey: page.key,
      callback: function (answer) { handIn(answer, 40); },
      "error-callback": function () {
        say("The check by " + page.provider + " does not work in this browser at the moment. Please load this page again.");
      },
    });
  };
  setTimeout(function () {
    if (!began) say("The check by " + page.provider + " did not load. Please allow this page to load it, and load the page again.");
  }, 15000);
})();

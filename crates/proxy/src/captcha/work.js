// Looks for a number whose SHA-256 behind the challenge begins with enough zero bits (FIPS 180-4), puts it into a
// cookie, and asks for the page again. Written out, since browsers give theirs to pages by HTTPS only.
(function () {
  "use strict";
  var page = document.currentScript.dataset;
  var status = document.getElementById("status");
  // When the last answer, of a moment ago, was not taken, another one would not be either.
  try {
    if (Date.now() - Number(sessionStorage.getItem(page.cookie)) < 10000) {
      status.textContent = "The answer of your browser was not accepted. Please see that it keeps cookies and " +
        "that its address does not change, and load this page again.";
      sessionStorage.removeItem(page.cookie);
      return;
    }
  } catch (error) { /* No storage: then it is tried again and again. */ }
  var K = [], first = [];
  for (var n = 2; K.length < 64; n++) {
    var prime = true;
    for (var d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
    if (!prime) continue;
    if (first.length < 8) first.push((Math.pow(n, 1 / 2) * 4294967296) | 0);
    K.push((Math.pow(n, 1 / 3) * 4294967296) | 0);
  }
  var w = new Int32Array(64);
  function firstWord(text) {
    // One block: the challenge is short enough.
    var i;
    for (i = 0; i < 16; i++) w[i] = 0;
    for (i = 0; i < text.length; i++) w[i >> 2] |= text.charCodeAt(i) << (24 - 8 * (i & 3));
    w[text.length >> 2] |= 0x80 << (24 - 8 * (text.length & 3));
    w[15] = text.length * 8;
    for (i = 16; i < 64; i++) {
      var x = w[i - 15], y = w[i - 2];
      var s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      var s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    var a = first[0], b = first[1], c = first[2], e = first[4], f = first[5], g = first[6], h = first[7];
    var dd = first[3];
    for (i = 0; i < 64; i++) {
      var S1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      var t1 = (h + S1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
      var S0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      var t2 = (S0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (dd + t1) | 0; dd = c; c = b; b = a; a = (t1 + t2) | 0;
    }
    return (a + first[0]) >>> 0;
  }
  var challenge = page.challenge, limit = Math.pow(2, 32 - Number(page.bits)), number = 0;
  function work() {
    for (var end = number + 5000; number < end; number++) {
      if (firstWord(challenge + "." + number) >= limit) continue;
      var secure = location.protocol === "https:" ? "; Secure" : "";
      document.cookie = page.cookie + "=" + challenge + "." + number +
        "; Path=/; SameSite=Lax; Max-Age=" + page.seconds + secure;
      if (document.cookie.indexOf(page.cookie + "=") < 0) {
        status.textContent = "This site needs to set a cookie, and your browser does not let it.";
        return;
      }
      try { sessionStorage.setItem(page.cookie, String(Date.now())); } catch (error) { /* As above. */ }
      location.reload();
      return;
    }
    setTimeout(work, 0);
  }
  work();
})();

// Every feature of a host's form: set in the form, seen through the real proxy, and found again in the form.
// The origins live here: two plain ones, one that speaks HTTP/2 without TLS, one on a Unix socket.
//   UI, PROXY   addresses of a running Charon;   EMAIL, PASSWORD   an admin;   OUT   folder for pictures
import { mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import http2 from "node:http2";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { chromium } = createRequire(new URL("../../web/package.json", import.meta.url))("playwright-core");
const { UI, PROXY, EMAIL, PASSWORD, OUT, CHROMIUM = "/usr/bin/chromium" } = process.env;
const DOMAIN = "features.example.com";

function step(text) {
  console.log(`- ${text}`);
}
function same(what, seen, expected) {
  const [one, other] = [JSON.stringify(seen), JSON.stringify(expected)];
  if (one !== other) throw new Error(`${what}: expected ${other}, saw ${one}`);
}

/** An origin that answers with what it saw, and its name. */
function origin(name, server, where) {
  server.on("request", (request, answer) => {
    const status = request.url.startsWith("/fail") ? 500 : 200;
    answer.writeHead(status, { "content-type": "text/plain", "x-own": "origin" });
    answer.end(JSON.stringify({ name, url: request.url, headers: request.headers, filler: "a".repeat(3000) }));
  });
  return new Promise((resolve) => server.listen(where, () => resolve(server.address())));
}
const folder = await mkdtemp(join(tmpdir(), "features-"));
const socket = join(folder, "app.sock");
const local = { host: "127.0.0.1", port: 0 };
const servers = [http.createServer(), http.createServer(), http2.createServer(), http.createServer()];
const [one, two, h2c] = await Promise.all([
  origin("one", servers[0], local),
  origin("two", servers[1], local),
  origin("h2c", servers[2], local),
  origin("socket", servers[3], socket),
]);

/** A request to the host, through the proxy. */
function ask(path, { method = "GET", headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const options = { method, headers: { host: DOMAIN, ...headers }, agent: false };
    const request = http.request(new URL(path, PROXY), options, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => {
        const text = Buffer.concat(parts).toString();
        let saw = {};
        if (!answer.headers["content-encoding"] && text.startsWith("{")) saw = JSON.parse(text);
        resolve({ status: answer.statusCode, headers: answer.headers, text, saw });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" });
page.setDefaultTimeout(20_000);
const complaints = [];
page.on("pageerror", (error) => complaints.push(`a script failed: ${error.message}`));

const button = (name, within = page) => within.getByRole("button", { name });
const field = (name, within = page) => within.getByLabel(name, { exact: true });
async function open(title, within = page) {
  const fold = button(new RegExp(`^${title}`), within)
    .and(within.locator("[aria-expanded]"))
    .first();
  if ((await fold.getAttribute("aria-expanded")) === "false") await fold.click();
}
async function openAll() {
  const folded = page.locator("form button[aria-expanded=false]");
  while ((await folded.count()) > 0) await folded.first().click();
}
/** Everything that the open form shows, by its label, in its order. */
async function shown() {
  await openAll();
  return page.evaluate(() => {
    const name = (each) => each.getAttribute("aria-label") ?? each.labels?.[0]?.textContent ?? "";
    return [...document.querySelectorAll("form :is(input, select, textarea, [role=switch])")].map((each) => {
      if (each.getAttribute("role") === "switch") return [name(each), each.getAttribute("aria-checked")];
      return [name(each), each.type === "checkbox" ? String(each.checked) : each.value];
    });
  });
}
async function picture(name) {
  if (OUT) await page.screenshot({ path: join(OUT, `${name}.png`), fullPage: true });
}
async function edit() {
  await page.getByRole("link", { name: "Edit", exact: true }).click();
  await page.waitForURL("**/edit");
  await field("Domains").waitFor();
}
async function save() {
  await button("Save").click();
  await page.waitForURL(/\/proxy-hosts\/[0-9a-f-]{36}$/);
  await page
    .getByText(/serving since/)
    .first()
    .waitFor();
}
/** Saves, opens the form again and finds what was typed. */
async function saveAndFind(what) {
  const before = await shown();
  await picture(what);
  await save();
  await edit();
  same(`the form after saving (${what})`, await shown(), before);
}

try {
  step("a host is added");
  await page.goto(`${UI}/login`);
  await field("E-mail").fill(EMAIL);
  await field("Password").fill(PASSWORD);
  await button("Sign in").click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();
  await page.goto(`${UI}/proxy-hosts/new`);
  await field("Domains").fill(DOMAIN);
  await field("Host or IP address").fill("127.0.0.1");
  await field("Port").fill(String(one.port));
  await save();
  await edit();

  step("traffic features are set, act, and are found again");
  await open("Traffic");
  await open("Redirects");
  await button("Add a redirect").click();
  await field("Path").fill("/old");
  await field("Leads to").fill("https://{host}/new");
  await field("Kind").selectOption("308");
  await page.getByRole("switch", { name: "Keep the rest of the path" }).click();
  await page.getByRole("switch", { name: "Keep the query" }).click();
  await button("Add a redirect").click();
  const pattern = page.getByRole("group", { name: "Redirect 2" });
  await field("Applies to", pattern).selectOption("regex");
  await field("Pattern", pattern).fill("^/item/([0-9]+)$");
  await field("Leads to", pattern).fill("/items?id=$1");
  await open("Rewriting");
  await button("Add a step").click();
  await field("Prefix").fill("/app");
  await button("Add a step").click();
  const replace = page.getByRole("group", { name: "Step 2" });
  await field("Do", replace).selectOption("regex");
  await field("Pattern", replace).fill("^/v1/(.*)$");
  await field("Replacement", replace).fill("/v2/$1");
  await open("Compression");
  await page.getByRole("switch", { name: "Compress answers" }).click();
  await field("zstd").click();
  await button("Prefer gzip").click();
  await field("Level").selectOption("small");
  await field("Smallest answer (bytes)").fill("100");
  await field("Content types, one a line").fill("text/*\napplication/json");
  await open("Security headers");
  await page.getByRole("switch", { name: "Send security headers" }).click();
  await page.getByRole("switch", { name: "Override the target's own" }).click();
  await open("CORS");
  await page.getByRole("switch", { name: "Let other sites' pages read answers" }).click();
  await field("Sites, one a line").fill("https://app.example.com");
  await field("Methods beside GET, HEAD, POST").fill("PUT, DELETE");
  await field("Request headers that pages may set").fill("X-Token");
  await field("Answer headers that pages may read").fill("X-Total");
  await field("Browsers remember for (seconds)").last().fill("60");
  await page.getByRole("switch", { name: "With cookies and logins" }).click();
  await open("Error pages");
  await page.getByRole("switch", { name: "Pages of your own for errors" }).click();
  await field("Statuses").fill("413, 500-502");
  await field("Page (HTML)").fill("<h1>Ours: {status}</h1>");
  await page.getByRole("switch", { name: "Also in the place of the target's own errors" }).click();
  await open("Uploads");
  await field("Largest upload (MB)").fill("0.001");
  await field("Hold back up to (KiB)").fill("64");
  await open("Request ids");
  await field("Header to the target").fill("X-My-Id");
  await page.getByRole("switch", { name: "Send it to the visitor too" }).click();
  await open("Headers");
  const requests = page.getByRole("group", { name: "Headers of requests to the target" });
  await button("Add a header", requests).click();
  await field("Header name", requests).fill("X-From");
  await field("Value", requests).fill("{client_ip} {path}");
  const answers = page.getByRole("group", { name: "Headers of answers to the visitor" });
  await button("Add a header", answers).click();
  await field("Header name", answers).fill("X-Served-By");
  await field("Value", answers).fill("{upstream}");
  await button("Add a header", answers).click();
  await field("Action", answers).last().selectOption("remove");
  await field("Header name", answers).last().fill("X-Own");
  await saveAndFind("features-traffic");

  let answer = await ask("/old/a?b=c");
  same("the redirect", [answer.status, answer.headers.location], [308, `https://${DOMAIN}/new/a?b=c`]);
  answer = await ask("/item/7");
  same("the redirect by pattern", [answer.status, answer.headers.location], [302, "/items?id=7"]);
  answer = await ask("/app/v1/x?q=1", { headers: { origin: "https://app.example.com" } });
  same("the rewritten path", answer.saw.url, "/v2/x?q=1");
  same("the request's header", answer.saw.headers["x-from"], "127.0.0.1 /app/v1/x");
  same("the request's id", answer.saw.headers["x-my-id"], answer.headers["x-my-id"]);
  same("the answer's header", answer.headers["x-served-by"], `127.0.0.1:${one.port}`);
  same("the removed header", answer.headers["x-own"], undefined);
  same("the security header", answer.headers["x-frame-options"], "SAMEORIGIN");
  same("who may read", answer.headers["access-control-allow-origin"], "https://app.example.com");
  answer = await ask("/", { headers: { "accept-encoding": "br, gzip, zstd" } });
  same("the encoding", answer.headers["content-encoding"], "gzip");
  answer = await ask("/", { method: "POST", body: "a".repeat(2000), headers: { accept: "text/html" } });
  same("the upload", [answer.status, answer.text], [413, "<h1>Ours: 413</h1>"]);
  answer = await ask("/fail", { headers: { accept: "text/html" } });
  same("the page of one's own", [answer.status, answer.text], [500, "<h1>Ours: 500</h1>"]);

  step("what was typed comes back when a feature is switched off and on");
  for (const name of ["Compress answers", "Let other sites' pages read answers", "Pages of your own for errors"]) {
    const before = await shown();
    await page.getByRole("switch", { name }).click();
    await page.getByRole("switch", { name }).click();
    same(`the form after ${name}`, await shown(), before);
  }

  step("servers are set, act, and are found again");
  await button("Add a server").click();
  await field("Address of server 2").fill(`127.0.0.1:${two.port}`);
  await field("Weight").first().fill("2");
  await field("Weight").last().fill("3");
  await field("Which server gets a request").selectOption("round_robin");
  await page.getByRole("switch", { name: "Keep a client at its first server" }).click();
  await field("Name of the cookie").fill("place");
  await field("Kept for (seconds)").fill("3600");
  await page.getByRole("switch", { name: "Ask the servers whether they are well" }).click();
  await field("Path of the check").fill("/health");
  await field("Good statuses").fill("200-299");
  await field("Host name of the check").fill("checked.example.com");
  await field("Text that the answer must hold").fill("filler");
  await field("Every (seconds)").fill("0.5");
  await field("Slow start (seconds)").fill("0.1");
  await field("Bad checks until unwell").fill("5");
  await field("Good checks until well").fill("1");
  await field("Failures that set a server aside").fill("7");
  await field("Within (seconds)").fill("20");
  await field("Aside for (seconds)").fill("2");
  await field("Statuses that count as failures").fill("502-504");
  await field("When no server is well").selectOption("refuse");
  await field("Connect").fill("2");
  await field("Answer begins").fill("30");
  await field("Server takes nothing").fill("40");
  await field("Pause in an answer").fill("50");
  await field("Requests at once per server").fill("20");
  await field("Requests that may wait").fill("10");
  await field("Wait at most (seconds)").fill("1.5");
  await button("Test servers").click();
  await page.getByText("All 2 servers answer.").waitFor();
  await saveAndFind("features-servers");
  const jar = await ask("/");
  const cookie = /^place=[^;]+/.exec(jar.headers["set-cookie"]?.[0] ?? "")?.[0];
  if (!cookie) throw new Error(`no cookie was set: ${JSON.stringify(jar.headers)}`);
  const stayed = await Promise.all(Array.from({ length: 8 }, () => ask("/", { headers: { cookie } })));
  same("the servers of one client", [...new Set(stayed.map((each) => each.saw.name))], [jar.saw.name]);
  const names = await Promise.all(Array.from({ length: 20 }, () => ask("/")));
  same("the servers of many clients", [...new Set(names.map((each) => each.saw.name))].sort(), ["one", "two"]);
  await page.getByRole("switch", { name: "Ask the servers whether they are well" }).click();
  await page.getByRole("switch", { name: "Ask the servers whether they are well" }).click();
  same("the path of the check after off and on", await field("Path of the check").inputValue(), "/health");
  await page.getByRole("link", { name: DOMAIN }).first().click();
  await page.waitForURL(/\/proxy-hosts\/[0-9a-f-]{36}$/);
  await page
    .getByText(/^Healthy/)
    .first()
    .waitFor();

  step("a location has servers, traffic and headers of its own, over HTTP/2 without TLS");
  await edit();
  await open("Routing");
  await button("Add a path").click();
  const path = page.getByRole("group", { name: "Path /" });
  await field("Host or IP address", path).fill("127.0.0.1");
  await field("Port", path).fill(String(h2c.port));
  await field("Path", path).fill("/grpc");
  const location = page.getByRole("group", { name: "Path /grpc" });
  await open("Servers", location);
  await open("Connection", location);
  await field("Protocol", location).selectOption("http2");
  await open("Traffic", location);
  await open("Compression", location);
  await location.getByLabel("Compress answers").selectOption("off");
  await open("Rewriting", location);
  await field("Rewriting", location).selectOption("own");
  await field("Do", location).selectOption("add_prefix");
  await field("Prefix", location).fill("/below");
  await open("Headers", location);
  await location.getByRole("switch", { name: "Instead of those of the host" }).first().click();
  await saveAndFind("features-location");
  answer = await ask("/grpc/a", { headers: { "accept-encoding": "gzip" } });
  same(
    "the answer of the location",
    [answer.saw.name, answer.saw.url, answer.saw.headers["x-from"]],
    ["h2c", "/below/grpc/a", undefined],
  );

  step("an error in a folded part of a location is led to");
  await page.reload();
  await open("Routing");
  await open("Traffic", location);
  await open("Redirects", location);
  await field("Redirects", location).selectOption("own");
  await field("Applies to", location).selectOption("regex");
  await field("Pattern", location).fill("(");
  await field("Leads to", location).fill("/x");
  await open("Redirects", location);
  await button(/^Redirects/, location).click();
  await button(/^Routing/).click();
  await button("Save").click();
  await page.waitForFunction(
    () => document.activeElement?.getAttribute("aria-invalid") === "true" && document.activeElement.value === "(",
  );
  await picture("features-error");
  await field("Redirects", location).selectOption("host");

  step("a target can be a Unix socket");
  await field("Host or IP address").first().fill(`unix:${socket}`);
  await open("Servers");
  await button("Remove server 2").click();
  await saveAndFind("features-socket");
  answer = await ask("/");
  same("the origin on the socket", answer.saw.name, "socket");

  step("maintenance is seen everywhere");
  await page.getByRole("switch", { name: "Maintenance", exact: true }).click();
  await field("What the page says").fill("Back at noon");
  await field("Addresses and networks that reach the site all the same, one a line").fill("192.0.2.0/24\n192.0.2.7/32");
  await field("Ask visitors to come back after (seconds)").fill("77");
  await saveAndFind("features-maintenance");
  answer = await ask("/");
  same("maintenance", [answer.status, answer.headers["retry-after"]], [503, "77"]);
  if (!answer.text.includes("Back at noon")) throw new Error(`the page says: ${answer.text}`);
  await page.goto(`${UI}/proxy-hosts?state=serving`);
  await page.getByText("Nothing matches").waitFor();
  await page.goto(`${UI}/proxy-hosts?state=maintenance`);
  await page.getByRole("table").getByText("Maintenance").waitFor();

  step("a certificate is rehearsed before it is wanted, and what is in its way stands on the pages");
  await page.goto(`${UI}/proxy-hosts`);
  await page.getByRole("table").getByRole("link", { name: DOMAIN, exact: true }).first().click();
  await page.getByRole("link", { name: "Edit" }).click();
  await open("TLS");
  await field("Certificate").first().selectOption("automatic");
  await button("Look whether it would be issued").click();
  await page.getByText("Would not be issued").waitFor();
  await picture("features-rehearsal");
  await page.goto(`${UI}/certificates/automatic`);
  await page.getByText("Agree to the authority's terms first.").waitFor();
  await field("Authority").first().selectOption("own");
  await field("Address of its ACME directory").fill("https://127.0.0.1:9/directory");
  await page.getByRole("switch", { name: "I agree to the authority's terms of service" }).click();
  await button("Save").click();
  await page.getByText("Choose hosts first.").waitFor();
  await page.getByRole("checkbox", { name: DOMAIN }).check();
  await picture("features-wizard");
  await button("Get a certificate for 1 host").click();
  await page.getByText("cannot be reached").first().waitFor();
  await page.goto(`${UI}/proxy-hosts`);
  await page.getByRole("table").getByRole("link", { name: DOMAIN, exact: true }).first().click();
  await page.getByText("The next one would not be issued").waitFor();
  await page.goto(`${UI}/certificates`);
  await page.getByText("1 of 1 names would get no certificate.").waitFor();
  const before = await page.getByText("Would not be issued").locator("time").getAttribute("datetime");
  await button(`Look again at ${DOMAIN}`).click();
  await page.waitForFunction(
    (before) => [...document.querySelectorAll("time")].every((time) => time.dateTime !== before),
    before,
  );
  await page.getByText("Done: 1 failing, 0 at risk, 0 fine.").waitFor();
  await picture("features-rehearsal-all");
  await page.getByRole("link", { name: "Authority and settings" }).first().click();
  await page.waitForFunction(() => document.activeElement.matches("details[open]"));
  if (complaints.length > 0) throw new Error(complaints.join("; "));
} catch (error) {
  console.error(`at ${page.url()}: ${error.message}`);
  const seen = await page
    .locator("body")
    .innerText()
    .catch(() => "");
  console.error(seen.slice(0, 1500));
  await picture("features-failed").catch(() => undefined);
  process.exitCode = 1;
} finally {
  await browser.close();
  for (const server of servers) server.close();
  await rm(folder, { recursive: true, force: true });
  process.exit();
}

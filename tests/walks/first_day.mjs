// The first day with Charon, as a person at a browser lives it: set-up, login, a host, its first request in
// the live log, and the host disabled. Everything is found by label and role, as a screen reader finds it.
import { createRequire } from "node:module";
import http from "node:http";

const { chromium } = createRequire(new URL("../../web/package.json", import.meta.url))("playwright-core");
const { UI, PROXY, TOKEN, EMAIL, PASSWORD, ORIGIN_HOST, ORIGIN_PORT, CHROMIUM } = process.env;
const DOMAIN = "walk.example.com";

function step(text) {
  console.log(`- ${text}`);
}

function check(what, seen, expected) {
  if (seen !== expected) throw new Error(`${what}: expected ${expected}, saw ${seen}`);
}

/** Asks the proxy for a path of the new host. */
function ask(path) {
  return new Promise((resolve, reject) => {
    const request = http.get(new URL(path, PROXY), { headers: { host: DOMAIN }, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (part) => (text += part));
      answer.on("end", () => resolve({ status: answer.statusCode, text }));
    });
    request.on("error", reject);
  });
}

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
page.setDefaultTimeout(20_000);
const complaints = [];
page.on("pageerror", (error) => complaints.push(`a script failed: ${error.message}`));
page.on("console", (message) => {
  // A refused request shows as an error of the network; those that matter are checked below.
  if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
    complaints.push(`the console says: ${message.text()}`);
});

try {
  step("a new Charon asks for its first account");
  await page.goto(UI);
  await page.waitForURL("**/setup");
  await page.getByLabel("Set-up token").fill(TOKEN);
  await page.getByLabel("Your name").fill("Ada");
  await page.getByLabel("E-mail").fill(EMAIL);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Create the account" }).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();

  step("without the session's cookie one has to log in");
  await page.context().clearCookies();
  await page.goto(UI);
  await page.waitForURL("**/login*");
  await page.getByLabel("E-mail").fill(EMAIL);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();

  step("a host needs three fields");
  check("before the host is added", (await ask("/too-early")).status, 404);
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Hosts" }).click();
  await page.getByRole("link", { name: "Add a host" }).first().click();
  await page.getByLabel("Domains").fill(DOMAIN);
  await page.getByLabel("Host or IP address").fill(ORIGIN_HOST);
  await page.getByLabel("Port").fill(ORIGIN_PORT);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.waitForURL(/\/proxy-hosts\/[0-9a-f-]{36}$/);
  const hostPage = page.url();

  step("it serves from the moment it is saved");
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Live log" }).click();
  await page.getByText("Live", { exact: true }).first().waitFor();
  const answer = await ask("/from-the-walk");
  check("status through the proxy", answer.status, 200);
  check("body through the proxy", answer.text, "hello from the origin");

  step("the request stands in the live log");
  await page.getByText("/from-the-walk").first().waitFor();

  step("disabled, it is gone");
  await page.goto(hostPage);
  await page.getByRole("button", { name: /^(Actions|More)/ }).first().click();
  await page.getByRole("menuitem", { name: "Disable" }).click();
  await page.getByText("saved, disabled, not served").first().waitFor();
  check("status of the disabled host", (await ask("/after")).status, 404);

  check("complaints of the browser", complaints.join("\n"), "");
} catch (error) {
  console.error(`at ${page.url()}: ${error.message}`);
  console.error((await page.locator("body").innerText().catch(() => "")).slice(0, 2000));
  complaints.forEach((complaint) => console.error(complaint));
  process.exitCode = 1;
} finally {
  await browser.close();
}

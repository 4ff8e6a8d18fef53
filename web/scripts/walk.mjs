// Walks through what people do, on the mock: sign-in and lock-out, keyboard, saving with an error of the server,
// undo, a session that ends under a form, the paused log, and a viewer. Ends with 1 at the first thing that is not so.
//   npm run build && node scripts/walk.mjs
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("..", import.meta.url));
async function mock(port, ...flags) {
  const child = spawn(
    process.execPath,
    ["mock/server.mjs", "--static", "dist", "--port", String(port), ...flags],
    { cwd: root },
  );
  await once(child.stdout, "data");
  return child;
}
const servers = [
  await mock(8197),
  await mock(8198, "--role", "viewer"),
  await mock(8199, "--setup", "--empty"),
];
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});

async function open(port, path) {
  const page = await (await browser.newContext({ baseURL: `http://127.0.0.1:${port}` })).newPage();
  page.setDefaultTimeout(8_000);
  page.on("pageerror", (error) => {
    throw error;
  });
  await page.goto(path);
  return page;
}
async function signIn(page, password = "password12") {
  await page.getByLabel("E-mail").fill("anna@example.org");
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
}
const seen = (page, text) => page.getByText(text).first().waitFor();
function must(truth, what) {
  if (!truth) throw new Error(what);
}

const steps = {
  async "the first run makes an account with the token of the link and removes it from the address"() {
    const page = await open(8199, "/setup?token=token");
    await page.getByLabel("Your name").fill("Anna");
    must(!page.url().includes("token="), "the token stays in the address");
    await page.getByLabel("E-mail").fill("anna@example.org");
    await page.getByLabel("Password").fill("short");
    await page.keyboard.press("Enter");
    await seen(page, "5 more characters are needed.");
    await page.getByLabel("Password").fill("password12");
    await page.keyboard.press("Enter");
    await seen(page, "Add your first host");
  },

  async "a lock-out counts down and the page that was wanted is reached after signing in"() {
    const page = await open(8197, "/proxy-hosts?state=disabled");
    await page.waitForURL("**/login?next=*");
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const answered = page.waitForResponse("**/auth/login");
      await signIn(page, "wrong password");
      await answered;
      await page.waitForFunction(() => document.querySelector("input[type=password]")?.value === "");
    }
    await seen(page, /You can try again in 1[45]:/);
    must(await page.getByRole("button", { name: "Sign in" }).isDisabled(), "the button is not locked");
    await page.reload();
    await signIn(page);
    await page.waitForURL("**/proxy-hosts?state=disabled");
    await seen(page, "Wiki");
  },

  async "everything is reached by keyboard"() {
    const page = await open(8197, "/login");
    await signIn(page);
    await seen(page, "Needs attention");
    await page.keyboard.press("Tab");
    must(
      await page.getByRole("link", { name: "Skip to the content" }).isVisible(),
      "no skip link at first Tab",
    );
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.type("photos");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/proxy-hosts/*");
    await page.goto("/proxy-hosts");
    await page.getByRole("table").waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("media");
    await page.waitForURL("**/proxy-hosts?q=media");
    must((await page.locator("tbody tr").count()) === 1, "the search does not narrow the list");
    await page.keyboard.press("Escape");
    await page.locator("tbody input[type=checkbox]").first().focus();
    await page.keyboard.press("Space");
    await seen(page, "1 selected");
    await page.getByRole("button", { name: "Actions for Git" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("menuitem", { name: "Edit" }).waitFor();
    await page.keyboard.press("Escape");
    await page.waitForFunction(
      () => document.activeElement?.getAttribute("aria-label") === "Actions for Git",
    );
  },

  async "an error of the server stands on its field, nothing typed is lost, and a save says that it serves"() {
    const page = await open(8197, "/login?next=/proxy-hosts/new");
    await signIn(page);
    await page.getByLabel("Domains").fill("tv.example.org");
    await page.getByLabel("Host or IP address").fill("http://10.0.0.77:8088/x");
    await page.getByLabel("Port", { exact: true }).focus();
    must(
      (await page.getByLabel("Port", { exact: true }).inputValue()) === "8088",
      "the pasted port is not taken",
    );
    await page.getByRole("button", { name: "Test target" }).click();
    await seen(page, "Answers in 4 ms.");
    await page.getByRole("button", { name: "Save" }).click();
    await seen(page, "tv.example.org already belongs to the host Media.");
    must(
      (await page.getByLabel("Host or IP address").inputValue()) === "10.0.0.77",
      "what was typed is lost",
    );
    must(
      (await page.getByLabel("Domains").getAttribute("aria-invalid")) === "true",
      "the field is not marked",
    );
    await page.getByLabel("Domains").fill("new.example.org");
    await page.getByRole("button", { name: "TLS" }).click();
    await page.getByRole("switch", { name: "Send HTTP visitors to HTTPS" }).click();
    await page.keyboard.press("Control+Enter");
    await seen(page, /new\.example\.org: serving since \d\d:\d\d:\d\d, revision \d+/);
    await page.waitForURL(/proxy-hosts\/[0-9a-f-]+$/);
    await page.goto("/proxy-hosts");
    await page.getByRole("button", { name: "Actions for new.example.org" }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await page.getByRole("button", { name: "Undo" }).click();
    await seen(page, "new.example.org is back.");
    await page.getByRole("link", { name: "new.example.org" }).waitFor();
  },

  async "a form with typed text is not left without a question"() {
    const page = await open(8197, "/login?next=/proxy-hosts/new");
    await signIn(page);
    await page.getByLabel("Domains").fill("typed.example.org");
    await page.getByRole("link", { name: "Certificates" }).first().click();
    await seen(page, "Leave without saving?");
    await page.getByRole("button", { name: "Cancel" }).last().click();
    must((await page.getByLabel("Domains").inputValue()) === "typed.example.org", "the text is gone");
  },

  async "a session that ends under a form is renewed over it"() {
    const page = await open(8197, "/login?next=/proxy-hosts/new");
    await signIn(page);
    await page.getByLabel("Domains").fill("kept.example.org");
    await page.getByLabel("Host or IP address").fill("10.0.0.1");
    await page.getByLabel("Port", { exact: true }).fill("80");
    await page.context().clearCookies();
    await page.getByRole("button", { name: "Save" }).click();
    await seen(page, "Your session has ended");
    await page.getByLabel("Password").fill("password12");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    must((await page.getByLabel("Domains").inputValue()) === "kept.example.org", "the form was lost");
    await page.getByRole("button", { name: "Save" }).click();
    await seen(page, /kept\.example\.org: serving since/);
  },

  async "the log pauses, counts what is new, and says when it is not live"() {
    const page = await open(8197, "/login?next=/log");
    await signIn(page);
    await seen(page, "Live");
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("button", { name: /Resume · \d+ new/ }).waitFor();
    const first = await page.locator("[role=listitem] time").first().innerText();
    await page.waitForTimeout(1_500);
    must((await page.locator("[role=listitem] time").first().innerText()) === first, "the paused log moves");
    await page.getByRole("button", { name: /Resume/ }).click();
    await page.waitForFunction(
      (old) => document.querySelector("[role=listitem] time")?.textContent !== old,
      first,
    );
    await page.getByRole("button", { name: "5xx" }).click();
    await page.waitForURL("**/log?status=5xx");
    await page.context().setOffline(true);
    await seen(page, /Reconnecting/);
    await page.context().setOffline(false);
    await page
      .locator("header [role=status], main [role=status]")
      .filter({ hasText: "Live" })
      .first()
      .waitFor();
  },

  async "a viewer sees no button that would be refused, and is told why a page is not shown"() {
    const page = await open(8198, "/login?next=/proxy-hosts");
    await signIn(page);
    await page.getByRole("table").waitFor();
    must((await page.getByRole("link", { name: "Add a host" }).count()) === 0, "a viewer sees Add a host");
    must((await page.getByRole("link", { name: "Live log" }).count()) === 0, "a viewer sees the log");
    await page.goto("/users");
    await seen(page, "Your role is Viewer.");
  },
};

let failed = false;
for (const [name, run] of Object.entries(steps)) {
  try {
    await run();
    console.log(`ok    ${name}`);
  } catch (error) {
    failed = true;
    console.log(`FAIL  ${name}\n      ${error.message.split("\n").slice(0, 3).join("\n      ")}`);
  }
}
await browser.close();
servers.forEach((server) => server.kill());
process.exit(failed ? 1 : 0);

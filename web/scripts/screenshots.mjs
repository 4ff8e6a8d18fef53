// Walks every page in dark, light and phone size: a screenshot of each, an axe pass in both themes,
// and a look for what must not be (console errors, sideways scrolling). Fails when something is found.
//   node scripts/screenshots.mjs --base http://127.0.0.1:8080 --email E --password P [--out DIR] [--only WORD]
import { AxeBuilder } from "@axe-core/playwright";
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { chromium } from "playwright-core";

const option = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? fallback : process.argv[at + 1];
};
const base = option("base", "http://127.0.0.1:8099");
const email = option("email", "anna@example.org");
const password = option("password", "password12");
const out = option("out", fileURLToPath(new URL("../../screenshots", import.meta.url)));
const only = option("only", "");
const prefix = option("prefix", "");
const themes = option("themes", "dark,light,phone").split(",");
const executablePath = option("chromium", "/usr/bin/chromium");

const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"],
});
const VIEWS = {
  dark: { viewport: { width: 1280, height: 860 }, theme: "dark" },
  light: { viewport: { width: 1280, height: 860 }, theme: "light" },
  phone: { viewport: { width: 375, height: 812 }, theme: "dark", hasTouch: true, isMobile: true },
};
const findings = [];
await mkdir(out, { recursive: true });

async function first(page, path) {
  const answer = await page.request.get(`${base}/api/v1${path}`);
  return answer.ok() ? answer.json() : [];
}

async function pages(page) {
  const admin = (await first(page, "/auth/status")).user?.role === "admin";
  const log = await first(page, "/logs/access");
  const hosts = await first(page, "/proxy-hosts");
  const certificates = await first(page, "/certificates");
  const revisions = await first(page, "/revisions");
  const users = await first(page, "/users");
  const host = hosts.find((each) => each.locations?.length > 0) ?? hosts[0];
  const list = [
    ["overview", "/"],
    ["hosts", "/proxy-hosts"],
    ["hosts-nothing-found", "/proxy-hosts?q=zzzzzz"],
    ["host-new", "/proxy-hosts/new"],
    ["certificates", "/certificates"],
    ["certificate-new", "/certificates/new"],
    ["log", "/log"],
    ["revisions", "/revisions"],
    ["settings", "/settings"],
    ["users", "/users"],
    ["user-new", "/users/new"],
    ["account", "/account"],
    ["tokens", "/api-tokens"],
    ["token-create", "/api-tokens?create=open"],
    ["audit", "/audit"],
    ["system", "/system"],
    ["system-migration", "/system?tab=migration"],
    ["system-backups", "/system?tab=backups"],
    ["not-found", "/there-is-no-such-page"],
  ];
  if (host) {
    list.push(["host", `/proxy-hosts/${host.uuid}`]);
    list.push(["host-configuration", `/proxy-hosts/${host.uuid}?tab=configuration`]);
    list.push(["host-history", `/proxy-hosts/${host.uuid}?tab=history`]);
    list.push(["host-edit", `/proxy-hosts/${host.uuid}/edit`, openFolds]);
    if (admin) list.push(["host-form-errors", "/proxy-hosts/new", submitEmpty]);
    if (admin && hosts.length > 1) list.push(["hosts-selected", "/proxy-hosts", selectRows]);
  }
  const leftOut = hosts.find((each) => each.status?.state === "left_out");
  if (leftOut) list.push(["host-left-out", `/proxy-hosts/${leftOut.uuid}`]);
  if (certificates[0]) list.push(["certificate", `/certificates/${certificates[0].uuid}`]);
  if (revisions[1]) {
    list.push(["revision", `/revisions/${revisions[0].revision}`]);
    list.push(["revision-restore", `/revisions?restore=${revisions[1].revision}`]);
  }
  if (users[0]) list.push(["user-edit", `/users/${users[0].uuid}`]);
  const entries = await first(page, "/audit");
  if (entries[0]) list.push(["audit-entry", `/audit?entry=${entries[0].id}`]);
  if (log.length > 0 && (await first(page, "/auth/status")).user?.role !== "viewer")
    list.push(["log-story", "/log", openStory]);
  list.push(["palette", "/", openPalette]);
  return list;
}

async function openFolds(page) {
  const folded = page.locator("form button[aria-expanded=false]");
  while ((await folded.count()) > 0) await folded.first().click();
}
async function submitEmpty(page) {
  await page.locator("form button[type=submit]").click();
  await page.locator("[role=alert]").first().waitFor();
}
async function selectRows(page) {
  const boxes = page.locator("tbody input[type=checkbox]");
  await boxes.first().click();
  await boxes.nth(1).click();
  await page.locator("[role=toolbar]").waitFor();
}
async function openStory(page) {
  await page.getByRole("button", { name: /^Pause/ }).click();
  await page.locator("[role=listitem] button").first().click();
  await page.getByRole("dialog").waitFor();
}
async function openPalette(page) {
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog").waitFor();
}

async function shoot(page, view, name) {
  const wide = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  if (wide > 0) findings.push(`${view}/${name}: the page is ${wide} px wider than the window`);
  await page.screenshot({ path: join(out, `${prefix}${name}.${view}.png`), fullPage: false });
  const axe = await new AxeBuilder({ page })
    .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"])
    .analyze();
  for (const violation of axe.violations)
    findings.push(
      `${view}/${name}: ${violation.id} (${violation.impact}) ${violation.nodes
        .slice(0, 3)
        .map((node) => `${node.target.join(" ")} ${node.any[0]?.message ?? ""}`)
        .join(" | ")}`,
    );
}

async function settle(page) {
  await page.waitForLoadState("load");
  await page
    .waitForFunction(
      () => document.querySelector("h1") !== null && document.querySelector(".late") === null,
      null,
      { timeout: 10_000 },
    )
    .catch(() => undefined);
  await page.waitForTimeout(250);
}

for (const view of themes) {
  const { viewport, theme, ...more } = VIEWS[view];
  const context = await browser.newContext({
    viewport,
    colorScheme: theme,
    reducedMotion: "reduce",
    ...more,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(8_000);
  // A form with typed text asks before it is left.
  page.on("dialog", (dialog) => void dialog.accept());
  let where = "login";
  page.on("console", (message) => {
    // A 404 page asks for nothing; anything else on the console is a fault.
    if (message.type() === "error" || message.type() === "warning")
      findings.push(`${view}/${where}: console: ${message.text()}`);
  });
  page.on("pageerror", (error) => findings.push(`${view}/${where}: ${error.message}`));
  if ((await first(page, "/setup")).setupRequired) {
    where = "setup";
    await page.goto(`${base}/setup`);
    await settle(page);
    await shoot(page, view, "setup");
    await context.close();
    continue;
  }
  await page.goto(`${base}/proxy-hosts`);
  await page.getByLabel("E-mail").waitFor();
  await settle(page);
  if (!only) await shoot(page, view, "login");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/proxy-hosts");
  for (const [name, path, act] of await pages(page)) {
    if (only && !name.includes(only)) continue;
    where = name;
    try {
      await page.goto(base + path);
      await settle(page);
      if (act) {
        await act(page);
        await page.waitForTimeout(350);
      }
      await shoot(page, view, name);
    } catch (error) {
      findings.push(`${view}/${name}: ${error.message.split("\n")[0]}`);
    }
  }
  await context.close();
}
await browser.close();
console.log(findings.length === 0 ? `all pages are fine; pictures in ${out}` : findings.join("\n"));
process.exit(findings.length === 0 ? 0 : 1);

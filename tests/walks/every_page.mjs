// Every page in dark, in light and on a phone, side by side: axe must find nothing, nothing may scroll sideways,
// fail to load or complain on the console. With OUT each page is also pictured, to be looked at.
//   UI       address of a running Charon; where no account exists yet, only the set-up is visited
//   EMAIL, PASSWORD            an admin, who sees every page
//   VIEWER, VIEWER_PASSWORD    a viewer, who sees the same pages without their buttons; left out when not given
//   OUT, ONLY, VIEWS           folder of the pictures; a word of page names; some of dark,light,phone,viewer
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const web = createRequire(new URL("../../web/package.json", import.meta.url));
const { chromium } = web("playwright-core");
const axe = await readFile(web.resolve("axe-core/axe.min.js"), "utf8");
const { UI, EMAIL, PASSWORD, VIEWER, VIEWER_PASSWORD, OUT, ONLY = "" } = process.env;
const { CHROMIUM = "/usr/bin/chromium" } = process.env;
const DESK = { width: 1280, height: 860 };
const VIEWS = {
  dark: { viewport: DESK, colorScheme: "dark" },
  light: { viewport: DESK, colorScheme: "light" },
  phone: { viewport: { width: 375, height: 812 }, colorScheme: "dark", hasTouch: true, isMobile: true },
  viewer: { viewport: DESK, colorScheme: "light" },
};
const wanted = process.env.VIEWS?.split(",") ?? Object.keys(VIEWS);
const findings = [];
let seen = 0;

async function read(page, path) {
  const answer = await page.request.get(`${UI}/api/v1${path}`);
  return answer.ok() ? answer.json() : [];
}

/** The pages that this account can reach, each with what is done on it before it is looked at. */
async function pages(page) {
  const { role } = (await read(page, "/auth/status")).user;
  const [hosts, certificates, revisions, users, audit, log] = await Promise.all(
    ["/proxy-hosts", "/certificates", "/revisions", "/users", "/audit", "/logs/access"].map((path) => read(page, path)),
  );
  const list = [
    ["overview", "/"],
    ["hosts", "/proxy-hosts"],
    ["hosts-nothing-found", "/proxy-hosts?q=zzzzzz"],
    ["host-new", "/proxy-hosts/new"],
    ["certificates", "/certificates"],
    ["certificate-new", "/certificates/new"],
    ["certificates-automatic", "/certificates/automatic"],
    ["dns-provider-new", "/certificates?dns=new"],
    ["security", "/security"],
    ["security-ban", "/security?ban=open"],
    ["crowdsec-presets", "/security/crowdsec?tab=hub"],
    ["crowdsec-items", "/security/crowdsec?tab=hub&view=items"],
    ["crowdsec-history", "/security/configuration?tab=history"],
    ["crowdsec-console", "/security/crowdsec?tab=console"],
    ["crowdsec-ask", "/security/crowdsec?tab=hub&change=install+wordpress"],
    ["crowdsec", "/security/crowdsec"],
    ["crowdsec-decisions", "/security/crowdsec?tab=decisions"],
    ["crowdsec-alerts", "/security/crowdsec?tab=alerts"],
    ["crowdsec-configuration", "/security/crowdsec?tab=configuration"],
    ["crowdsec-log", "/security/crowdsec?tab=log"],
    ["security-live", "/security/log"],
    ["log", "/log"],
    ["revisions", "/revisions"],
    ["settings", "/settings"],
    ["users", "/users"],
    ["user-new", "/users/new"],
    ["account", "/account"],
    ["tokens", "/api-tokens"],
    ["token-create", "/api-tokens?create=open"],
    ["audit", "/audit"],
    ["audit-nothing-found", "/audit?type=backup&q=zzzzzz"],
    ["system", "/system"],
    ["system-migration", "/system?tab=migration"],
    ["system-backups", "/system?tab=backups"],
    ["not-found", "/there-is-no-such-page"],
    ["host-gone", "/proxy-hosts/00000000-0000-4000-8000-000000000000"],
    ["palette", "/", openPalette],
    ["menu", "/", openAccountMenu],
  ];
  const host = hosts.find((each) => each.locations.length > 0) ?? hosts[0];
  if (host) {
    list.push(["host", `/proxy-hosts/${host.uuid}`]);
    list.push(["host-configuration", `/proxy-hosts/${host.uuid}?tab=configuration`]);
    list.push(["host-history", `/proxy-hosts/${host.uuid}?tab=history`]);
    if (role === "admin") {
      list.push(["host-edit", `/proxy-hosts/${host.uuid}/edit`, openFolds]);
      list.push(["host-form-errors", "/proxy-hosts/new", submitEmpty]);
      list.push(["hosts-selected", "/proxy-hosts", selectRow]);
      list.push(["host-menu", "/proxy-hosts", openRowMenu]);
    }
  }
  const leftOut = hosts.find((each) => each.status.state === "left_out");
  const rehearsed = hosts.find((each) => each.automatic_certificate);
  if (rehearsed) list.push(["host-in-danger", `/proxy-hosts/${rehearsed.uuid}`]);
  if (leftOut) list.push(["host-left-out", `/proxy-hosts/${leftOut.uuid}?tab=configuration`]);
  for (const each of certificates.slice(0, 2)) list.push([`certificate-${each.status}`, `/certificates/${each.uuid}`]);
  const numbered = revisions.filter((each) => each.revision);
  if (numbered[0]) list.push(["revision", `/revisions/${numbered[0].revision}`]);
  if (numbered[1]) list.push(["revision-restore", `/revisions?restore=${numbered[1].revision}`]);
  if (users[0]) list.push(["user-edit", `/users/${users[0].uuid}`]);
  if (users[1]) list.push(["user-delete", `/users?delete=${users[1].uuid}`]);
  if (audit[0]) list.push(["audit-entry", `/audit?entry=${audit[0].id}`]);
  if (log[0]) list.push(["log-story", `/log?request=${log[0].request_id}`]);
  return list.filter(([name]) => name.includes(ONLY));
}

const dialog = (page) => page.getByRole("dialog").waitFor();
async function openFolds(page) {
  const folded = page.locator("form button[aria-expanded=false]");
  while ((await folded.count()) > 0) await folded.first().click();
}
async function submitEmpty(page) {
  await page.locator("form button[type=submit]").click();
  await page.locator("form [role=alert]").first().waitFor();
}
async function selectRow(page) {
  await page.locator("tbody input[type=checkbox]").first().click();
  await page.getByRole("toolbar").waitFor();
}
async function openRowMenu(page) {
  await page
    .getByRole("button", { name: /^Actions for/ })
    .first()
    .click();
  await page.getByRole("menu").waitFor();
}
async function openAccountMenu(page) {
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menu").waitFor();
}
async function openPalette(page) {
  await page.keyboard.press("Control+k");
  await dialog(page);
}

/** Until the page has a title and neither a skeleton nor anything that moves. */
async function settle(page) {
  await page.waitForFunction(
    () =>
      document.querySelector("h1") !== null &&
      document.querySelector(".late") === null &&
      document.getAnimations().every((each) => each.playState === "finished"),
    null,
    { polling: 50 },
  );
}

async function inspect(page, view, name) {
  const found = (text) => findings.push(`${view}/${name}: ${text}`);
  const { wide, broken } = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    broken: /This could not be loaded|This page broke/.exec(document.body.innerText)?.[0],
  }));
  if (wide > 0) found(`the page is ${wide} px wider than the window`);
  if (broken) found(`the page says: ${broken}`);
  if (OUT) await page.screenshot({ path: join(OUT, `${name}.${view}.png`) });
  seen += 1;
  // A viewer's pages are those of the admin with less on them.
  if (view === "viewer") return;
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"];
    const { violations } = await globalThis.axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
    return violations.map(({ id, help, nodes }) => ({
      id,
      help,
      nodes: nodes.slice(0, 3).map((node) => `${node.target.join(" ")} ${node.any[0]?.message ?? ""}`),
    }));
  });
  for (const { id, help, nodes } of violations) found(`${id}: ${help}: ${nodes.join(" | ")}`);
}

async function visit(browser, view) {
  const context = await browser.newContext({ ...VIEWS[view], reducedMotion: "reduce" });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  // A form with typed text asks before it is left.
  page.on("dialog", (each) => void each.accept());
  let where = "login";
  page.on("pageerror", (error) => findings.push(`${view}/${where}: ${error.message}`));
  page.on("console", (message) => {
    const { url } = message.location();
    // An installation with problems answers its health check with 503, and what is gone is 404.
    const told = url.endsWith("/api/v1/health") || url.includes("/00000000-");
    if (["error", "warning"].includes(message.type()) && !told)
      findings.push(`${view}/${where}: the console says: ${message.text()} ${url}`);
  });
  try {
    if ((await read(page, "/setup")).setupRequired) {
      where = "setup";
      await page.goto(`${UI}/setup`);
      await page.getByLabel("Set-up token").waitFor();
      await settle(page);
      await inspect(page, view, where);
      return;
    }
    await page.goto(`${UI}/login`);
    await page.getByLabel("E-mail").fill(view === "viewer" ? VIEWER : EMAIL);
    await settle(page);
    await inspect(page, view, where);
    await page.getByLabel("Password", { exact: true }).fill(view === "viewer" ? VIEWER_PASSWORD : PASSWORD);
    await page.keyboard.press("Enter");
    await page.getByRole("navigation", { name: "Main" }).waitFor();
    for (const [name, path, act] of await pages(page)) {
      where = name;
      await page.goto(UI + path);
      await settle(page);
      if (/[?&](create|restore|delete|entry|request)=/.test(path) && !(view === "viewer")) await dialog(page);
      await act?.(page);
      await settle(page);
      await inspect(page, view, name);
    }
  } catch (error) {
    findings.push(`${view}/${where}: ${error.message.split("\n")[0]}`);
  } finally {
    await context.close();
  }
}

if (OUT) await mkdir(OUT, { recursive: true });
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"],
});
const begin = Date.now();
const views = wanted.filter((view) => view !== "viewer" || VIEWER);
await Promise.all(views.map((view) => visit(browser, view)));
await browser.close();
console.log(`${seen} pages in ${views.join(", ")}: ${Math.round((Date.now() - begin) / 1000)} s`);
findings.forEach((finding) => console.error(finding));
process.exitCode = findings.length > 0 || seen === 0 ? 1 : 0;

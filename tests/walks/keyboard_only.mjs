// The main job without a mouse: sign in, find one's way, add a host, edit it, delete it, take that back, sign out.
// Nothing is clicked or focused by the script; only keys are pressed, and focus must always be visible.
import { createRequire } from "node:module";

const { chromium } = createRequire(new URL("../../web/package.json", import.meta.url))("playwright-core");
const { UI, EMAIL, PASSWORD, ORIGIN_HOST, ORIGIN_PORT, CHROMIUM = "/usr/bin/chromium" } = process.env;
const DOMAIN = "keys.example.com";

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
page.setDefaultTimeout(20_000);
const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
const type = (text) => page.keyboard.type(text);

/** What has the focus, by its accessible name; empty when nothing has it. */
const focused = () =>
  page.evaluate(() => {
    const at = document.activeElement;
    if (!at || at === document.body) return "";
    return at.getAttribute("aria-label") ?? (at.labels?.[0] ?? at).textContent?.trim() ?? "";
  });

/** Presses Tab until something with this name has the focus; each stop on the way must be seen to have it. */
async function tabTo(name, key = "Tab") {
  for (let step = 0; step < 80; step += 1) {
    await press(key);
    if (!(await page.evaluate(() => document.activeElement?.matches(":focus-visible")))) continue;
    const ring = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return style.outlineStyle !== "none" || style.boxShadow !== "none";
    });
    if (!ring) throw new Error(`the focus cannot be seen on "${await focused()}"`);
    if ((await focused()).startsWith(name)) return;
  }
  throw new Error(`"${name}" is not reached by ${key}; the focus is on "${await focused()}"`);
}

/** Goes down the open menu to this item and takes it. */
async function choose(name) {
  await page.waitForFunction(() => document.activeElement?.getAttribute("role") === "menuitem");
  for (let step = 0; step < 12; step += 1) {
    if ((await focused()) === name) return press("Enter");
    await press("ArrowDown");
  }
  throw new Error(`the menu has no "${name}"`);
}

async function step(text, run) {
  console.log(`- ${text}`);
  await run();
}

try {
  await step("the sign-in waits for the e-mail address", async () => {
    await page.goto(UI);
    await page.waitForURL("**/login*");
    await page.waitForFunction(() => document.activeElement?.name === "email");
    await type(EMAIL);
    await tabTo("Password");
    await type(PASSWORD);
    await press("Enter");
    await page.getByRole("navigation", { name: "Main" }).waitFor();
  });
  await step("the first stop skips the navigation", async () => {
    await press("Tab");
    if (!(await focused()).startsWith("Skip")) throw new Error(`the first stop is "${await focused()}"`);
    await press("Enter");
    if (!(await page.evaluate(() => document.activeElement?.id === "content")))
      throw new Error("the link does not lead to the content");
  });
  await step("a host is added from the palette", async () => {
    await press("Control+k");
    await page.getByRole("dialog").waitFor();
    await type("add a host");
    await press("Enter");
    await page.waitForURL("**/proxy-hosts/new");
    await page.waitForFunction(() => document.activeElement?.name === "domain_names");
    await type(DOMAIN);
    await tabTo("Host or IP address");
    await type(ORIGIN_HOST);
    await tabTo("Port");
    await type(ORIGIN_PORT);
    await press("Control+Enter");
    await page.waitForURL(/\/proxy-hosts\/[0-9a-f-]{36}$/);
    await page
      .getByText(/serving since/)
      .first()
      .waitFor();
  });
  await step("it is found and edited", async () => {
    await press("Control+k");
    await page.getByRole("dialog").waitFor();
    await type("Hosts");
    await press("Enter");
    await page.waitForURL("**/proxy-hosts");
    await page.getByRole("table").waitFor();
    await press("/");
    await type("keys.");
    await page.waitForURL("**/proxy-hosts?q=keys.");
    await tabTo(`Actions for ${DOMAIN}`);
    await press("Enter");
    await page.getByRole("menu").waitFor();
    // Escape gives the focus back to where the menu came from.
    await press("Escape");
    await page.waitForFunction(
      (name) => document.activeElement?.getAttribute("aria-label") === name,
      `Actions for ${DOMAIN}`,
    );
    await press("Enter");
    await choose("Edit");
    await page.waitForURL("**/edit");
    await page.getByLabel("Domains").waitFor();
    await tabTo("Advanced");
    await press("Enter");
    await tabTo("Name");
    await type("Keys");
    await press("Control+Enter");
    await page.waitForURL(/\/proxy-hosts\/[0-9a-f-]{36}$/);
    await page.getByRole("heading", { name: "Keys" }).waitFor();
  });
  await step("it is deleted, and the deletion is taken back", async () => {
    await tabTo("Actions for Keys");
    await press("Enter");
    await choose("Delete");
    await page.waitForURL("**/proxy-hosts");
    await page.getByRole("button", { name: "Undo" }).waitFor();
    await tabTo("Undo", "Shift+Tab");
    await press("Enter");
    await page.getByText("Keys is back.").waitFor();
  });
  await step("a question is answered", async () => {
    await press("Control+k");
    await page.getByRole("dialog").waitFor();
    await type("create an api token");
    await press("Enter");
    await page.waitForURL("**/api-tokens?create=open");
    await page.getByRole("dialog").waitFor();
    await press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });
  await step("and out again", async () => {
    await press("Control+k");
    await page.getByRole("dialog").waitFor();
    await type("sign out");
    await press("Enter");
    await page.waitForURL("**/login*");
  });
} catch (error) {
  console.error(`at ${page.url()}: ${error.message}`);
  console.error(
    (
      await page
        .locator("body")
        .innerText()
        .catch(() => "")
    ).slice(0, 1500),
  );
  process.exitCode = 1;
} finally {
  await browser.close();
}

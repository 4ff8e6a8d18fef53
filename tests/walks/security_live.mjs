// The live log of security: a ban shows as it happens; a server that dies is not called live, with the reason; when
// it is back, so is the log, and what happens then shows.
//   UI, EMAIL, PASSWORD   a running Charon and an admin
//   PID                   its process, which is killed
//   GONE                  a file that is made once the page has said that the server is gone
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";

const web = createRequire(new URL("../../web/package.json", import.meta.url));
const { chromium } = web("playwright-core");
const { UI, EMAIL, PASSWORD, PID, GONE, CHROMIUM = "/usr/bin/chromium" } = process.env;
const LIMIT = 60_000;

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const page = await browser.newPage();
page.setDefaultTimeout(LIMIT);
const ban = async (value) => {
  const headers = { "x-charon-csrf": "1" };
  const answer = await page.request.post(`${UI}/api/v1/security/bans`, { headers, data: { value, reason: "too curious" } });
  if (answer.status() !== 201) throw new Error(`the ban of ${value}: ${answer.status()} ${await answer.text()}`);
};
try {
  await page.goto(`${UI}/login`);
  await page.getByLabel("E-mail").fill(EMAIL);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByRole("navigation", { name: "Main" }).waitFor();
  await page.goto(`${UI}/security/log`);
  const badge = page.getByRole("main").getByRole("status");
  await badge.getByText("Live", { exact: true }).waitFor();
  const rows = page.getByRole("list", { name: "Live security log" });
  await ban("198.51.100.7");
  await rows.getByText("198.51.100.7").waitFor();

  process.kill(Number(PID), "SIGKILL");
  await badge.getByRole("button", { name: "Reconnect now" }).waitFor();
  if (await badge.getByText("Live", { exact: true }).isVisible()) throw new Error("a dead server is called live");
  const said = await badge.innerText();
  await writeFile(GONE, said);
  await badge.getByText("Live", { exact: true }).waitFor();
  await page.getByText("Charon was restarted meanwhile").waitFor();
  await ban("198.51.100.8");
  await rows.getByText("198.51.100.8").waitFor();
  if (!(await rows.getByText("198.51.100.7").isVisible())) throw new Error("what was seen before is gone");
  console.log(`after the kill the page said: ${said.replace(/\s+/g, " ")}`);
} finally {
  await browser.close();
}

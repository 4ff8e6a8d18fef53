// A browser whose address is suspected opens a host that asks by a provider's captcha (a stand-in): what the page may
// load is enough for it, the button is pressed, and the host's own page comes.
import { createRequire } from "node:module";

const { chromium } = createRequire(
  new URL("../../web/package.json", import.meta.url),
)("playwright-core");
const { PORT, PROVIDER, CHROMIUM } = process.env;
const resolver = "--host-resolver-rules=MAP a.example.com 127.0.0.1";
const args = ["--no-sandbox", "--disable-dev-shm-usage", resolver];
const browser = await chromium.launch({ executablePath: CHROMIUM, args });
const page = await browser.newPage();
const foreign = [];
const faults = [];
page.on("request", (request) => {
  const { hostname, origin } = new URL(request.url());
  if (hostname !== "a.example.com" && origin !== PROVIDER)
    foreign.push(request.url());
});
page.on("console", (message) => {
  if (message.type() === "error" && !message.text().includes("403"))
    faults.push(message.text());
});
await page.goto(`http://a.example.com:${PORT}/`);
await page
  .getByRole("button", { name: "I am a person" })
  .click({ timeout: 60_000 });
await page.getByText("served by the origin").waitFor({ timeout: 60_000 });
if (foreign.length > 0) throw new Error(`asked elsewhere: ${foreign}`);
if (faults.length > 0) throw new Error(`faults in the page: ${faults}`);
const again = await page.reload();
if (again.status() !== 200)
  throw new Error(`asked again with status ${again.status()}`);
await browser.close();

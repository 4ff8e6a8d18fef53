// A browser whose address is suspected opens a host: the challenge is solved by the page itself, without a secure
// context and without anything from elsewhere, and the host's own page comes.
import { createRequire } from "node:module";

const { chromium } = createRequire(
  new URL("../../web/package.json", import.meta.url),
)("playwright-core");
const { PORT, CHROMIUM } = process.env;
const resolver = "--host-resolver-rules=MAP a.example.com 127.0.0.1";
const args = ["--no-sandbox", "--disable-dev-shm-usage", resolver];
const browser = await chromium.launch({ executablePath: CHROMIUM, args });
const page = await browser.newPage();
const foreign = [];
const faults = [];
page.on("request", (request) => {
  if (new URL(request.url()).hostname !== "a.example.com")
    foreign.push(request.url());
});
page.on("console", (message) => {
  if (message.type() === "error" && !message.text().includes("403"))
    faults.push(message.text());
});
const began = Date.now();
const first = await page.goto(`http://a.example.com:${PORT}/`);
if (first.status() !== 403)
  throw new Error(`the first answer has status ${first.status()}`);
await page.getByText("served by the origin").waitFor({ timeout: 60_000 });
console.log(`- the origin's page came after ${Date.now() - began} ms`);
const [cookie] = await page.context().cookies();
if (cookie.name !== "charon_pass" || cookie.sameSite !== "Lax")
  throw new Error(JSON.stringify(cookie));
if (foreign.length > 0) throw new Error(`asked elsewhere: ${foreign}`);
if (faults.length > 0) throw new Error(`faults in the page: ${faults}`);
// Who holds the answer is not asked again.
const again = await page.reload();
if (again.status() !== 200)
  throw new Error(`asked again with status ${again.status()}`);
await browser.close();

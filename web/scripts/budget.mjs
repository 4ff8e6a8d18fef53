// Fails the build when the first load or a route weighs more than it may (compressed script, in kB).
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const FIRST_LOAD = 250;
const ROUTE = 80;
const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(await readFile(new URL(".vite/manifest.json", dist), "utf8"));

const weights = new Map();
async function weight(file) {
  if (!weights.has(file))
    weights.set(file, gzipSync(await readFile(new URL(file, dist)), { level: 9 }).length / 1000);
  return weights.get(file);
}
function files(key, seen = new Set()) {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const next of manifest[key].imports ?? []) files(next, seen);
  return seen;
}
const scripts = (key) =>
  new Set([...files(key)].map((each) => manifest[each].file).filter((name) => name.endsWith(".js")));
const sum = async (names) => {
  let all = 0;
  for (const name of names) all += await weight(name);
  return all;
};

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
const base = scripts(entry);
const overview = scripts("src/features/overview/page.tsx");
const first = await sum(new Set([...base, ...overview]));
let failed = first > FIRST_LOAD;
console.log(
  `first load (shell and overview): ${first.toFixed(1)} kB of ${FIRST_LOAD}${failed ? "  TOO HEAVY" : ""}`,
);
for (const key of Object.keys(manifest)
  .filter((each) => manifest[each].isDynamicEntry)
  .sort()) {
  const own = await sum([...scripts(key)].filter((name) => !base.has(name)));
  const heavy = own > ROUTE;
  failed ||= heavy;
  console.log(`  + ${own.toFixed(1).padStart(6)} kB  ${key}${heavy ? "  TOO HEAVY" : ""}`);
}
for (const css of manifest[entry].css ?? []) console.log(`  style: ${(await weight(css)).toFixed(1)} kB`);
if (failed) process.exit(1);

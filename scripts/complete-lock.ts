/**
 * `node scripts/complete-lock.ts [--check]`: adds the entries that npm leaves out of package-lock.json when a
 * registry does not hold a tool's build for another platform. Without them `npm ci` refuses the file everywhere.
 * Run it after each `npm install`; `--check` only tells.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { completeLock, missingPlatformBuilds, type LockFile } from "./lock-file.ts";
import { readText, ROOT } from "./repository.ts";

const PATH = "package-lock.json";

const lock = JSON.parse(await readText(PATH)) as LockFile;
const missing = missingPlatformBuilds(lock);
if (process.argv.includes("--check")) {
  for (const { name } of missing) console.error(`${PATH} lacks ${name}: npm run complete-lock`);
  process.exitCode = missing.length > 0 ? 1 : 0;
} else if (missing.length > 0) {
  await writeFile(join(ROOT, PATH), `${JSON.stringify(completeLock(lock), null, 2)}\n`);
  console.log(`${PATH}: ${missing.length} entries added`);
}

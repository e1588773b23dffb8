/**
 * `npm test [-- PATTERN…]`: provides what the tests need from outside npm, then runs every test, or those whose path
 * holds one of the patterns. The last lines are node:test's own summary.
 */
import { runNode } from "./child.ts";
import { repositoryFiles } from "./repository.ts";
import { provideTools, SYSTEM_TOOLS } from "./system-tools.ts";

/** A test file that hangs is cut off. Milliseconds. */
const TIMEOUT_MS = 120_000;

/** Files at a time: the ones in tests/ start several processes each. */
const CONCURRENCY = 2;

const patterns = process.argv.slice(2);
const files = (await repositoryFiles()).filter(
  (path) =>
    path.endsWith(".test.ts") &&
    (patterns.length === 0 || patterns.some((pattern) => path.includes(pattern))),
);
for (const tool of provideTools(SYSTEM_TOOLS, console.log)) {
  console.log(
    `Skipping ${tool.neededFor}: ${tool.name} is missing (Debian: apt-get install ${tool.packages.join(" ")})`,
  );
}
if (files.length === 0) throw new Error(`No test file matches ${patterns.join(" ")}`);
const { code } = await runNode(
  [
    "--test",
    "--test-reporter=spec",
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${TIMEOUT_MS}`,
    ...files,
  ],
  { output: "shared" },
);
process.exitCode = code;

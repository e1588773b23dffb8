/** `npm run check`: everything that is checked without running tests. Every step runs; one that fails is shown in full. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { runNode } from "./child.ts";
import { ROOT } from "./repository.ts";

interface Step {
  readonly name: string;
  /** Program and arguments: a script of ours, or the tool of that name from node_modules. */
  readonly run: readonly [program: string, ...args: string[]];
}

const STEPS: readonly Step[] = [
  { name: "types", run: ["typescript/tsc", "--noEmit", "-p", "."] },
  { name: "lint", run: ["oxlint/oxlint", "--type-aware", "--deny-warnings", "."] },
  { name: "format", run: ["oxfmt/oxfmt", "--check", "."] },
  { name: "dead code", run: ["knip/knip", "--no-config-hints"] },
  { name: "imports", run: ["scripts/check-imports.ts"] },
  { name: "docstrings", run: ["scripts/check-docstrings.ts"] },
  { name: "lock file", run: ["scripts/complete-lock.ts", "--check"] },
  { name: "docs", run: ["scripts/docs.ts", "--check"] },
];

async function check(step: Step): Promise<boolean> {
  const startedAtMs = performance.now();
  const [program, ...args] = step.run;
  const { code, output } = await runNode([await pathOf(program), ...args], { output: "kept" });
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  console.log(`${code === 0 ? "✔" : "✖"} ${step.name.padEnd(10)} ${seconds} s`);
  if (code !== 0) console.log(output.trimEnd());
  return code === 0;
}

/** The file of a script, or of the tool `PACKAGE/BIN`. */
async function pathOf(program: string): Promise<string> {
  if (program.startsWith("scripts/")) return join(ROOT, program);
  const [name = "", bin = ""] = program.split("/");
  const folder = join(ROOT, "node_modules", name);
  const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as {
    readonly bin: Readonly<Record<string, string>>;
  };
  return join(folder, manifest.bin[bin] ?? "");
}

let failed = 0;
for (const step of STEPS) {
  if (!(await check(step))) failed++;
}
if (failed > 0) console.log(`${failed} of ${STEPS.length} checks failed`);
process.exitCode = failed > 0 ? 1 : 0;

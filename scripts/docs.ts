/**
 * `npm run docs [-- --check]`: makes the generated parts of the pages anew. With `--check` it changes nothing, and
 * fails when a page is out of step, a link leads nowhere, or a dependency has no line in docs/dependencies.md.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errorsTable } from "./docs/errors.ts";
import { exampleBlock } from "./docs/example.ts";
import { judgeLedger, type Manifest } from "./docs/ledger.ts";
import { limitsTable } from "./docs/limits.ts";
import { judgeLinks, type Page } from "./docs/links.ts";
import { loadsTable } from "./docs/loads.ts";
import { fillPage, type Parts } from "./docs/page.ts";
import { agentTable, orchestratorTable } from "./docs/settings.ts";
import { readText, repositoryFiles, ROOT } from "./repository.ts";

const limitsSource = await readText("packages/protocol/src/limits.ts");

const examples = new Map<string, string>();
for (const path of await repositoryFiles()) {
  if (path.startsWith("examples/")) examples.set(path, await readText(path));
}

const PARTS: Parts = {
  errors: errorsTable,
  loads: loadsTable,
  example: (path) => exampleBlock(path, examples),
  limits: () => limitsTable(limitsSource),
  "orchestrator-settings": orchestratorTable,
  "agent-settings": agentTable,
};

async function readPages(paths: readonly string[]): Promise<Page[]> {
  return await Promise.all(paths.map(async (path) => ({ path, text: await readText(path) })));
}

async function readManifests(paths: readonly string[]): Promise<Manifest[]> {
  const pages = await readPages(paths);
  return pages.map(({ text }) => JSON.parse(text) as Manifest);
}

/** Pages whose generated parts differ from what they should be, with what they should be. */
function staleOf(pages: readonly Page[]): Page[] {
  return pages.flatMap(({ path, text }) => {
    const filled = fillPage(text, PARTS);
    return filled === text ? [] : [{ path, text: filled }];
  });
}

async function main(check: boolean): Promise<number> {
  const paths = await repositoryFiles();
  const pages = await readPages(paths.filter((path) => path.endsWith(".md")));
  const stale = staleOf(pages);
  const manifests = await readManifests(paths.filter((path) => path.endsWith("package.json")));
  const faults = [
    ...judgeLinks(pages, new Set(paths)),
    ...judgeLedger(await readText("docs/dependencies.md"), manifests),
    ...(check ? stale.map(({ path }) => `${path} is out of step: npm run docs`) : []),
  ];
  if (!check) {
    for (const { path, text } of stale) await writeFile(join(ROOT, path), text);
    console.log(`Written: ${stale.map(({ path }) => path).join(", ") || "nothing"}`);
  }
  for (const fault of faults) console.error(fault);
  return faults.length > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.includes("--check"));

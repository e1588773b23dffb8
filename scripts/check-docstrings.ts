/** Checks that every export of the packages and scripts has a docstring; prints each fault and exits 1 when there is one. */
import { judgeDocstrings } from "./docstrings/judge.ts";
import { readText, repositoryFiles } from "./repository.ts";

const JUDGED = /^(?:packages\/[^/]+\/src|scripts)\/.*(?<!\.test)\.(?:ts|js|mjs)$/;

const paths = (await repositoryFiles()).filter((path) => JUDGED.test(path));
const files = await Promise.all(paths.map(async (path) => ({ path, text: await readText(path) })));
const faults = judgeDocstrings(files);
for (const fault of faults) console.error(fault);
console.log(`Docstrings: ${files.length} files, ${faults.length} faults`);
process.exitCode = faults.length > 0 ? 1 : 0;

/** Checks the direction of imports over the whole repository; prints each fault and exits 1 when there is one. */
import { judgeFiles } from "./imports/judge.ts";
import { readText, repositoryFiles } from "./repository.ts";

const paths = (await repositoryFiles()).filter((path) => /\.(?:ts|js|mjs)$/.test(path));
const files = await Promise.all(paths.map(async (path) => ({ path, text: await readText(path) })));
const faults = judgeFiles(files);
for (const fault of faults) console.error(fault);
console.log(`Imports: ${files.length} files, ${faults.length} faults`);
process.exitCode = faults.length > 0 ? 1 : 0;

/**
 * `npm run bench`: every load on every contender that is installed, in turns, then tables of medians and
 * ratios. Figures of one run can be compared with each other only.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Program } from "@porchlight/testkit/program";
import { temporaryFolder } from "@porchlight/testkit/temporary-folder";
import { findProgram, type Contender, type Scene } from "./contenders/contender.ts";
import { direct } from "./contenders/direct.ts";
import { haproxy } from "./contenders/haproxy.ts";
import { porchlight } from "./contenders/porchlight.ts";
import { ssh } from "./contenders/ssh.ts";
import { compileLoadGenerator, type LoadGenerator } from "./load-generator.ts";
import { LOADS, type Load } from "./loads.ts";
import { formatReport } from "./report.ts";
import { takeSample, type Sample } from "./sample.ts";

const CONTENDERS = [direct, ssh, haproxy, porchlight];

/** Before a load counts on a contender, so that code is compiled (with a new tunnel per request, that takes seconds) and windows are grown. Seconds. */
const WARM_UP_SECONDS = 20;

interface Plan {
  readonly loads: readonly Load[];
  readonly repeats: number;
  readonly seconds: number;
  readonly only: ReadonlySet<string> | undefined;
}

const USAGE = `npm run bench -- [--loads J1,T64,…] [--contenders direct,ssh,haproxy,porchlight]
                 [--repeats N] [--seconds S] [--quick]

Loads:
${LOADS.map(({ name, description }) => `  ${name.padEnd(9)} ${description}`).join("\n")}`;

function readPlan(): Plan | undefined {
  const { values } = parseArgs({
    options: {
      loads: { type: "string" },
      contenders: { type: "string" },
      repeats: { type: "string" },
      seconds: { type: "string" },
      quick: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const names = values.loads?.toLowerCase().split(",");
  return {
    loads: LOADS.filter(({ name }) => names?.includes(name.toLowerCase()) ?? true),
    repeats: Number(values.repeats ?? (values.quick ? 1 : 3)),
    seconds: Number(values.seconds ?? (values.quick ? 1 : 2)),
    only: values.contenders === undefined ? undefined : new Set(values.contenders.split(",")),
  };
}

async function main(): Promise<number> {
  const plan = readPlan();
  if (!plan) {
    console.log(USAGE);
    return 0;
  }
  const compiler = findProgram("cc");
  if (compiler === undefined) {
    console.error("The load generator is C and cc is not installed: install gcc or clang");
    return 1;
  }
  await using folder = await temporaryFolder();
  const generator = await compileLoadGenerator(compiler, folder.path);
  await using running = new AsyncDisposableStack();
  const origin = running.use(
    new Program({ name: "origin", args: [join(import.meta.dirname, "origin.ts")] }),
  );
  await origin.ready("origin on port");
  const originPort = Number(/origin on port (\d+)/.exec(origin.logs.text)?.[1]);
  const contenders = await startContenders(plan, { originPort, folder: folder.path });
  for (const contender of contenders) running.use(contender);
  const samples = await takeSamples(plan, contenders, generator);
  await report(plan, contenders, samples);
  return 0;
}

async function startContenders(plan: Plan, scene: Scene): Promise<Contender[]> {
  const started: Contender[] = [];
  for (const kind of CONTENDERS) {
    if (plan.only && !plan.only.has(kind.key)) continue;
    const missing = kind.programs.filter((name) => findProgram(name) === undefined);
    if (missing.length > 0) {
      console.error(`Without ${kind.name}: ${missing.join(", ")} not installed`);
      continue;
    }
    console.error(`Starting ${kind.name}`);
    started.push(await kind.start(scene));
  }
  return started;
}

/** One run that counts: a load on a contender. */
interface Turn {
  readonly repeat: number;
  readonly load: Load;
  readonly contender: Contender;
}

/** All repeats; in each every load, in each load every contender, so that slow drifts of the machine hit all. */
function turnsOf(plan: Plan, contenders: readonly Contender[]): Turn[] {
  const repeats = Array.from({ length: plan.repeats }, (_, index) => index + 1);
  return repeats.flatMap((repeat) =>
    plan.loads.flatMap((load) => contenders.map((contender) => ({ repeat, load, contender }))),
  );
}

async function takeSamples(
  plan: Plan,
  contenders: readonly Contender[],
  generator: LoadGenerator,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const { repeat, load, contender } of turnsOf(plan, contenders)) {
    if (repeat === 1) await takeSample(generator, contender, { load, seconds: WARM_UP_SECONDS });
    const sample = await takeSample(generator, contender, { load, seconds: plan.seconds });
    if (!sample) continue;
    samples.push(sample);
    console.error(
      `${repeat}/${plan.repeats} ${load.name} ${contender.name}: ${formatCount(sample)}`,
    );
  }
  return samples;
}

function formatCount({ count }: Sample): string {
  const { requestsPerSecond, megabytesPerSecond, errors, not200 } = count;
  const rates = `${requestsPerSecond.toFixed(0)}/s, ${megabytesPerSecond.toFixed(1)} MB/s`;
  return errors + not200 > 0 ? `${rates}, ${errors} errors, ${not200} not 200` : rates;
}

async function report(
  plan: Plan,
  contenders: readonly Contender[],
  samples: readonly Sample[],
): Promise<void> {
  const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? "unknown"}`;
  const text = formatReport({
    loads: plan.loads,
    contenders: contenders.map(({ name }) => name),
    samples,
  });
  console.log(
    `\n${machine}, Node ${process.version}, medians of ${plan.repeats} × ${plan.seconds} s\n\n${text}`,
  );
  const folder = join(import.meta.dirname, "results");
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${new Date().toISOString().replaceAll(":", "-")}.json`);
  await writeFile(
    file,
    JSON.stringify({ machine, node: process.version, plan, samples }, undefined, 1),
  );
  console.error(`All figures: ${file}`);
}

process.exitCode = await main();

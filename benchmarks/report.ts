/** The tables of a benchmark run, in Markdown. */
import type { Load } from "./loads.ts";
import { costOf, isBulky, median, rateOf, type Sample } from "./sample.ts";

/** Medians of one load on one contender. */
interface Summary {
  readonly rate: number;
  readonly cost: number;
  readonly p99Us: number;
  /** Failed requests and answers with another status than 200, of all repeats. */
  readonly failures: number;
  readonly processes: readonly {
    readonly label: string;
    readonly cost: number;
    readonly rssMb: number;
  }[];
}

export interface ReportInput {
  readonly loads: readonly Load[];
  readonly contenders: readonly string[];
  readonly samples: readonly Sample[];
}

/** What others are compared with. */
const SUBJECT = "Porchlight";

/** Both tables: rates with ratios, then what each process used. */
export function formatReport(input: ReportInput): string {
  return `${ratesTable(input)}\n${processesTable(input)}`;
}

function ratesTable({ loads, contenders, samples }: ReportInput): string {
  const rivals = contenders.filter((name) => name !== SUBJECT);
  const header = ["load", ...contenders, ...rivals.map((name) => `÷ ${name}`), "p99 ms"];
  const rows = loads.map((load) => {
    const subject = summarize(load, SUBJECT, samples);
    const ratios = rivals.map((name) => {
      const rival = summarize(load, name, samples);
      return subject && rival ? (subject.rate / rival.rate).toFixed(2) : "–";
    });
    const cells = contenders.map((name) => rateCell(load, summarize(load, name, samples)));
    const p99 = subject ? (subject.p99Us / 1000).toFixed(1) : "–";
    return [load.name, ...cells, ...ratios, p99];
  });
  return table(header, rows);
}

function processesTable({ loads, contenders, samples }: ReportInput): string {
  const rows = loads.flatMap((load) =>
    contenders.flatMap((name) =>
      (summarize(load, name, samples)?.processes ?? []).map(({ label, cost, rssMb }) => [
        load.name,
        name,
        label,
        `${cost.toFixed(3)} ${costUnit(load)}`,
        rssMb.toFixed(0),
      ]),
    ),
  );
  return table(["load", "contender", "process", "CPU", "RSS MB"], rows);
}

function summarize(load: Load, contender: string, samples: readonly Sample[]): Summary | undefined {
  const own = samples.filter((each) => each.load === load.name && each.contender === contender);
  if (own.length === 0) return undefined;
  const labels = own[0]?.processes.map(({ label }) => label) ?? [];
  const processes = labels.map((label, index) => ({
    label,
    cost: median(own.map((each) => costOf(load, each, each.processes[index]?.cpuMs ?? 0))),
    rssMb: median(own.map((each) => (each.processes[index]?.rssBytes ?? 0) / 1e6)),
  }));
  return {
    rate: median(own.map((each) => rateOf(load, each))),
    cost: median(own.map((each) => costOf(load, each, totalCpuMs(each)))),
    p99Us: median(own.map((each) => each.count.p99Us)),
    failures: own.reduce((sum, { count }) => sum + count.errors + count.not200, 0),
    processes,
  };
}

function rateCell(load: Load, summary: Summary | undefined): string {
  if (!summary) return "–";
  const unit = load.measure === "requests" ? "/s" : " MB/s";
  const rate = `${Math.round(summary.rate).toLocaleString("en")}${unit}`;
  const cost = summary.cost > 0 ? ` · ${summary.cost.toFixed(3)} ${costUnit(load)}` : "";
  const failures = summary.failures > 0 ? ` (${summary.failures} failed)` : "";
  return rate + cost + failures;
}

function costUnit(load: Load): string {
  return isBulky(load) ? "s/GB" : "ms";
}

function totalCpuMs(sample: Sample): number {
  return sample.processes.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line), ""].join("\n");
}

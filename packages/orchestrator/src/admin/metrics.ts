/** What this node counts, in Prometheus' text format. */
import { AGENT_STATUSES } from "@porchlight/protocol/job";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry as Metrics } from "prom-client";
import { agentStatus, type AgentRecord } from "../agents/registry.ts";
import type { JobOutcome } from "../jobs/job.ts";
import type { TunnelCounts } from "../tunnels/tunnels.ts";

const PREFIX = "porchlight_";

/** From a kept-alive connection next door to the longest job. Seconds. */
const DURATION_BUCKETS_S = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600];

interface RefusalCount {
  readonly door: string;
  readonly code: string;
  readonly count: number;
}

/** What a counter with labels reads: each value with its labels, in the order of their names. */
interface LabelledCounts {
  readonly labels: readonly string[];
  readonly read: () => readonly (readonly [labels: readonly string[], count: number])[];
}

/** Where the numbers come from that somebody else keeps; read when metrics are asked for. */
export interface MetricSources {
  /** Every agent that has a link. */
  readonly agents: { readonly records: readonly AgentRecord[] };
  readonly jobs: { readonly inFlight: number };
  readonly tunnels?: { readonly inFlight: number; readonly counts: TunnelCounts };
  /** Connections of proxy clients, and what they were refused for. */
  readonly proxy?:
    | { readonly connections: number; readonly refusals: readonly RefusalCount[] }
    | undefined;
  readonly waiting: { readonly length: number };
  readonly connections?: { readonly open: number };
  /** Sticky sessions; times as `performance.now`. */
  readonly affinities?: { readonly moves: number; live(nowMs: number): number };
  readonly health?: {
    open(nowMs: number): { readonly agents: number; readonly targets: number };
  };
  /** What is counted on agent links, by names in camel case that are always the same. */
  readonly linkCounters: () => Readonly<Record<string, number>>;
}

/** The counters of one node, all with the prefix `porchlight_`, beside those of its process. */
export class NodeMetrics {
  readonly #metrics = new Metrics();
  readonly #jobs: Counter<"code">;
  readonly #bytes: Counter<"direction">;
  readonly #seconds: Histogram;

  constructor(sources: MetricSources) {
    const registers = [this.#metrics];
    collectDefaultMetrics({ register: this.#metrics });
    this.#jobs = new Counter({
      name: `${PREFIX}jobs_total`,
      help: "Jobs that have ended, by error code; completed for those without",
      labelNames: ["code"],
      registers,
    });
    this.#bytes = new Counter({
      name: `${PREFIX}job_bytes_total`,
      help: "Body bytes of completed jobs, to and from targets",
      labelNames: ["direction"],
      registers,
    });
    this.#seconds = new Histogram({
      name: `${PREFIX}job_duration_seconds`,
      help: "From acceptance of a job to its end",
      buckets: DURATION_BUCKETS_S,
      registers,
    });
    this.#addGauges(sources);
    this.#addRouting(sources);
    this.#addAgents(sources);
    this.#addLinkCounters(sources);
    this.#addTunnels(sources);
    this.#addProxy(sources);
  }

  /** Media type of `text`. */
  get contentType(): string {
    return this.#metrics.contentType;
  }

  /** Everything at this moment. */
  text(): Promise<string> {
    return this.#metrics.metrics();
  }

  /** Counts a job that has ended after `ms` milliseconds. */
  jobEnded(outcome: JobOutcome, ms: number): void {
    this.#seconds.observe(ms / 1000);
    if (outcome.status !== "completed") {
      this.#jobs.inc({ code: outcome.error.code });
      return;
    }
    this.#jobs.inc({ code: "completed" });
    this.#bytes.inc({ direction: "sent" }, outcome.bytes.sent);
    this.#bytes.inc({ direction: "received" }, outcome.bytes.received);
  }

  #addRouting({ affinities, health }: MetricSources): void {
    if (affinities !== undefined) {
      this.#addGauge("sessions", "Sticky sessions that have not ended", () => {
        return affinities.live(performance.now());
      });
      this.#addCounter(
        "session_moves_total",
        "Requests served through another exit than their session had",
        () => affinities.moves,
      );
    }
    if (health === undefined) return;
    const gauge = new Gauge({
      name: `${PREFIX}breakers_open`,
      help: "Open breakers: of agents that keep failing, and of agents that keep failing with one target domain",
      labelNames: ["kind"],
      registers: [],
      collect() {
        const open = health.open(performance.now());
        this.set({ kind: "agent" }, open.agents);
        this.set({ kind: "target" }, open.targets);
      },
    });
    this.#metrics.registerMetric(gauge);
  }

  #addGauges({ jobs, tunnels, waiting, connections }: MetricSources): void {
    this.#addGauge("jobs_in_flight", "Jobs accepted and not ended", () => jobs.inFlight);
    this.#addGauge("jobs_waiting", "Jobs and tunnels waiting for an agent", () => waiting.length);
    if (tunnels !== undefined) {
      this.#addGauge("tunnels_in_flight", "Tunnels open", () => tunnels.inFlight);
    }
    if (connections !== undefined) {
      this.#addGauge(
        "connections_open",
        "Connections of clients and agents",
        () => connections.open,
      );
    }
  }

  #addTunnels({ tunnels }: MetricSources): void {
    if (tunnels === undefined) return;
    this.#addCounts(
      "tunnels_total",
      "Tunnels that have ended, by error code; completed for those without",
      {
        labels: ["code"],
        read: () => Object.entries(tunnels.counts.ended).map(([code, count]) => [[code], count]),
      },
    );
    this.#addCounts(
      "tunnel_bytes_total",
      "Bytes through tunnels that have ended, to and from targets",
      {
        labels: ["direction"],
        read: () => [
          [["sent"], tunnels.counts.sentBytes],
          [["received"], tunnels.counts.receivedBytes],
        ],
      },
    );
  }

  #addProxy({ proxy }: MetricSources): void {
    if (proxy === undefined) return;
    this.#addGauge(
      "proxy_connections_open",
      "Connections of proxy clients",
      () => proxy.connections,
    );
    this.#addCounts(
      "proxy_refusals_total",
      "Proxy requests refused before a tunnel was asked for, by error code",
      {
        labels: ["door", "code"],
        read: () => proxy.refusals.map(({ door, code, count }) => [[door, code], count]),
      },
    );
  }

  #addGauge(name: string, help: string, read: () => number): void {
    const gauge = new Gauge({
      name: PREFIX + name,
      help,
      registers: [],
      collect() {
        this.set(read());
      },
    });
    this.#metrics.registerMetric(gauge);
  }

  #addAgents({ agents }: MetricSources): void {
    const gauge = new Gauge({
      name: `${PREFIX}agents`,
      help: "Agents with a link, by status",
      labelNames: ["status"],
      registers: [],
      collect() {
        for (const status of AGENT_STATUSES) if (status !== "offline") this.set({ status }, 0);
        for (const record of agents.records) this.inc({ status: agentStatus(record) });
      },
    });
    this.#metrics.registerMetric(gauge);
  }

  #addLinkCounters({ linkCounters }: MetricSources): void {
    for (const name of Object.keys(linkCounters())) {
      const words = snakeCase(name).replaceAll("_", " ");
      this.#addCounter(`link_${snakeCase(name)}_total`, `Agent links: ${words}`, () => {
        return linkCounters()[name] ?? 0;
      });
    }
  }

  #addCounter(name: string, help: string, read: () => number): void {
    this.#addCounts(name, help, { labels: [], read: () => [[[], read()]] });
  }

  #addCounts(name: string, help: string, { labels, read }: LabelledCounts): void {
    const counter = new Counter({
      name: PREFIX + name,
      help,
      labelNames: labels,
      registers: [],
      collect() {
        this.reset();
        for (const [values, count] of read()) this.labels(...values).inc(count);
      },
    });
    this.#metrics.registerMetric(counter);
  }
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

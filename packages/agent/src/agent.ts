/** The agent, put together: one connection, one workload, the operator's limits. Several may live in a process. */
import { platform, release } from "node:os";
import { ProxyError } from "@porchlight/protocol/errors";
import { type Hello, type PolicySummary, PROTOCOL_VERSION } from "@porchlight/protocol/message";
import { type Clock, systemClock } from "@porchlight/runtime/clock";
import type { Logger } from "@porchlight/runtime/logger";
import { type TargetPolicy, formatPorts } from "@porchlight/runtime/target-policy";
import { AGENT_PROGRAM, type AgentConfig, ledgerFolder } from "./config.ts";
import { Connection } from "./connection.ts";
import { ConnectionPool } from "./connection-pool.ts";
import { HomePolicy } from "./home-policy.ts";
import { formatHours } from "./hours.ts";
import { Ledger } from "./ledger.ts";
import { LimitWatch } from "./limit-watch.ts";
import { Throttle } from "./throttle.ts";
import { WakeWatch } from "./wake-watch.ts";
import { Workload } from "./workload.ts";

/** Exit code when the orchestrator rejects the key. */
const EXIT_KEY_REJECTED = 3;

/** How long running work may take to finish when the agent is asked to stop. Milliseconds. */
const CLOSE_GRACE_MS = 30_000;

const BITS_PER_MEGABIT = 1_000_000;

/** An agent at work. */
export interface RunningAgent {
  /** Resolves once everything has ended, with the exit code: 0 after `close`, 3 when the key is rejected. */
  readonly ended: Promise<number>;
  /** Takes no more work, finishes what runs (30 s at most) and ends. Idempotent. */
  close(): Promise<void>;
}

/** Starts an agent; it reconnects until it is closed or its key is rejected. */
export function startAgent(config: AgentConfig, logger: Logger): RunningAgent {
  const agent = new Agent(config, logger);
  agent.start();
  return agent;
}

class Agent implements RunningAgent {
  readonly ended: Promise<number>;
  readonly #resolveEnded: (code: number) => void;
  readonly #config: AgentConfig;
  readonly #logger: Logger;
  readonly #clock: Clock = systemClock;
  readonly #ledger: Ledger;
  readonly #pool: ConnectionPool;
  readonly #workload: Workload;
  readonly #connection: Connection;
  readonly #limits: LimitWatch;
  readonly #wakeWatch: WakeWatch;
  #callOffGrace: (() => void) | undefined;
  /** Set once the agent is to end. */
  #exitCode: number | undefined;

  constructor(config: AgentConfig, logger: Logger) {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.ended = promise;
    this.#resolveEnded = resolve;
    this.#config = config;
    this.#logger = logger;
    this.#ledger = createLedger(config, logger);
    const home = new HomePolicy(targetPolicy(config));
    const policy = (): TargetPolicy => home.at(this.#clock.nowMs);
    this.#pool = new ConnectionPool(policy);
    this.#workload = this.#createWorkload(policy);
    this.#limits = this.#createLimits();
    this.#connection = this.#createConnection();
    this.#wakeWatch = new WakeWatch({
      clock: this.#clock,
      wallMs: Date.now,
      onWake: () => this.#connection.wake(),
    });
  }

  start(): void {
    this.#sayWhatIsOpen();
    // The month's total is read from the ledger first, if it matters.
    void this.#limits.start().then(() => {
      if (this.#exitCode === undefined) this.#connection.start();
    });
  }

  async close(): Promise<void> {
    if (this.#exitCode === undefined) {
      const running = this.#workload.count;
      this.#logger.info({ running }, "Stopping once what runs has ended");
      this.#endWith(0);
      this.#connection.leave("The agent is stopping");
      this.#callOffGrace = this.#clock.schedule(CLOSE_GRACE_MS, () => this.#endRunning());
      this.#finishIfDone();
    }
    await this.ended;
  }

  #createWorkload(policy: () => TargetPolicy): Workload {
    const { maxMbps } = this.#config;
    return new Workload({
      policy,
      pool: this.#pool,
      logger: this.#logger,
      throttle:
        maxMbps === undefined
          ? undefined
          : new Throttle((maxMbps * BITS_PER_MEGABIT) / 8, this.#clock),
      refusal: () => this.#refusal(),
      onRecord: (entry) => {
        this.#ledger.append(entry);
        this.#limits.used(entry);
      },
    });
  }

  #createLimits(): LimitWatch {
    const { hours, monthlyCapGb } = this.#config;
    return new LimitWatch({
      limits: { hours, monthlyCapGb },
      clock: this.#clock,
      now: () => new Date(),
      usedInMonth: (time) => this.#ledger.bytesInMonth(time),
      runningBytes: () => this.#workload.bytes,
      onChange: (pause) => {
        this.#logger.info(pause === undefined ? "Taking work again" : `Paused: ${pause.reason}`);
        this.#connection.tellPaused(pause?.reason);
      },
      onOverdue: (pause) => {
        this.#workload.abortAll(new ProxyError("overloaded", pause.reason));
      },
    });
  }

  #createConnection(): Connection {
    const { orchestratorUrl: url, key, extraCa } = this.#config;
    const userAgent = `${AGENT_PROGRAM.name}/${AGENT_PROGRAM.version}`;
    return new Connection({
      dial: { url, key, extraCa, userAgent },
      logger: this.#logger,
      clock: this.#clock,
      random: Math.random,
      hello: () => this.#hello(),
      onOpen: (stream, open) => this.#workload.take(stream, open),
      onRejected: () => {
        this.#endWith(EXIT_KEY_REJECTED);
        this.#connection.close("The key is rejected");
        this.#finishIfDone();
      },
      onLinkEnded: () => this.#finishIfDone(),
    });
  }

  #hello(): Omit<Hello, "takeover"> {
    const { name, maxConcurrency, labels = {} } = this.#config;
    const paused = this.#limits.pause?.reason;
    return {
      version: PROTOCOL_VERSION,
      agentVersion: AGENT_PROGRAM.version,
      name,
      os: `${platform()} ${release()}`.slice(0, 256),
      capabilities: ["http", "tcp"],
      maxConcurrency,
      labels,
      policy: summarizePolicy(this.#config),
      ...(paused === undefined ? {} : { paused }),
    };
  }

  /** Why no stream is taken at the moment; its own opening is already counted in `streams`. */
  #refusal(): ProxyError | undefined {
    if (this.#exitCode !== undefined) {
      return new ProxyError("shutting_down", "The agent is stopping");
    }
    const { pause } = this.#limits;
    if (pause !== undefined) return new ProxyError("overloaded", pause.reason);
    const { maxConcurrency } = this.#config;
    if (this.#connection.streams <= maxConcurrency) return undefined;
    return new ProxyError(
      "overloaded",
      `The agent already does ${maxConcurrency} things at a time`,
    );
  }

  #sayWhatIsOpen(): void {
    const { targetAllow = [], orchestratorUrl } = this.#config;
    if (targetAllow.length > 0) {
      this.#logger.warn(
        "AGENT_TARGET_ALLOW opens networks that are not public to everybody who may use this agent",
      );
    }
    this.#logger.info(`Connecting to ${orchestratorUrl.host}`);
  }

  #endRunning(): void {
    this.#workload.abortAll(new ProxyError("shutting_down", "The agent stopped"));
    this.#connection.close("The agent stopped");
  }

  #endWith(exitCode: number): void {
    this.#exitCode = exitCode;
    this.#wakeWatch.stop();
    this.#limits.stop();
  }

  #finishIfDone(): void {
    if (this.#exitCode === undefined || this.#connection.links > 0) return;
    const exitCode = this.#exitCode;
    this.#callOffGrace?.();
    this.#pool.closeIdle();
    void this.#ledger.flush().then(() => {
      this.#logger.info("Stopped");
      this.#resolveEnded(exitCode);
    });
  }
}

function createLedger(config: AgentConfig, logger: Logger): Ledger {
  return new Ledger({
    folder: ledgerFolder(config),
    onLost: (lines, code) =>
      logger.warn({ lines, code }, "The ledger cannot be written; work goes on without it"),
  });
}

function targetPolicy(config: AgentConfig): TargetPolicy {
  const { targetPorts: ports, targetAllow: allow = [], allowDomains, denyDomains } = config;
  return { ports, allow, allowDomains, denyDomains };
}

/** What the orchestrator is told of the operator's limits, so that it need not ask for what will be refused. */
function summarizePolicy(config: AgentConfig): PolicySummary {
  const { targetPorts, allowDomains, denyDomains, maxMbps, monthlyCapGb, hours } = config;
  return {
    ports: formatPorts(targetPorts),
    ...(allowDomains === undefined ? {} : { allowDomains: [...allowDomains] }),
    ...(denyDomains === undefined ? {} : { denyDomains: [...denyDomains] }),
    ...(maxMbps === undefined ? {} : { maxMbps }),
    ...(monthlyCapGb === undefined ? {} : { monthlyCapGb }),
    ...(hours === undefined ? {} : { hours: formatHours(hours) }),
  };
}

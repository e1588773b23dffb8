/** The programs of `npm start`: one orchestrator and one agent on this computer, with keys that end with them. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { formatKey, KEY_SECRET_BYTES, type Role } from "@porchlight/protocol/key-format";
import { ROOT } from "../repository.ts";
import { Program } from "./program.ts";

const POLL_MS = 50;

/** How long running work may go on once Ctrl-C was pressed. Milliseconds. */
const DRAIN_MS = 2_000;

/** How long a program has for its graceful end before it is killed. Milliseconds. */
const STOP_MS = 5_000;

/** A running orchestrator with one local agent. */
export interface Pool {
  /** Of the HTTP API, without a trailing slash. */
  readonly url: string;
  /** Host and port of the proxy. */
  readonly proxy: string;
  readonly clientKey: string;
  readonly logFolder: string;
  /** Rejects with a message when one of the programs has ended. */
  readonly broken: Promise<never>;
  stop(): Promise<void>;
  kill(): void;
}

/** Where the pool listens, and where it keeps what it stores. */
export interface PoolOptions {
  /** Where the orchestrator listens on 127.0.0.1. */
  readonly port: number;
  readonly proxyPort: number;
  readonly dataDir: string;
}

/**
 * Starts the orchestrator and, once it listens, the agent.
 * @throws {Error} when the orchestrator ended instead, with its last log lines
 */
export async function startPool(options: PoolOptions): Promise<Pool> {
  const { port, proxyPort, dataDir } = options;
  const logFolder = join(dataDir, "logs");
  await mkdir(logFolder, { recursive: true });
  const keys = { agent: newKey("agent"), client: newKey("client"), admin: newKey("admin") };
  const url = `http://127.0.0.1:${port}`;
  const orchestrator = new Program({
    name: "orchestrator",
    args: [join(ROOT, "packages/orchestrator/bin/porchlight.js"), "orchestrator"],
    env: orchestratorEnv({ ...options, keys }),
    logFile: join(logFolder, `orchestrator-${port}.log`),
  });
  await Promise.race([untilReady(url), failure(orchestrator)]);
  const agent = new Program({
    name: "agent",
    args: [join(ROOT, "packages/agent/bin/porchlight-agent.js")],
    env: agentEnv({ ...options, keys }),
    logFile: join(logFolder, `agent-${port}.log`),
  });
  return {
    url,
    proxy: `127.0.0.1:${proxyPort}`,
    clientKey: keys.client,
    logFolder,
    broken: Promise.race([orchestrator, agent].map(failure)),
    // The agent first, so that it says goodbye to an orchestrator that is still there.
    stop: async () => {
      await agent.stop(STOP_MS);
      await orchestrator.stop(STOP_MS);
    },
    kill: () => [agent, orchestrator].forEach((program) => program.kill()),
  };
}

/** Resolves when the orchestrator takes work. */
async function untilReady(url: string): Promise<void> {
  const isReady = async (): Promise<boolean> => (await fetch(`${url}/readyz`)).ok;
  while (!(await isReady().catch(() => false))) await sleep(POLL_MS);
}

/** Rejects when a program has ended. */
async function failure(program: Program): Promise<never> {
  const sentence = await program.ended;
  throw new Error(`${sentence}. Its last lines:\n${program.lastLines}`);
}

type Environment = Readonly<Record<string, string | undefined>>;

interface EnvOptions extends PoolOptions {
  readonly keys: Readonly<Record<Role, string>>;
}

function orchestratorEnv({ port, proxyPort, dataDir, keys }: EnvOptions): Environment {
  return {
    ...inheritedEnv(),
    ORCH_LISTEN: `127.0.0.1:${port}`,
    ORCH_PROXY_LISTEN: `127.0.0.1:${proxyPort}`,
    ORCH_DATA_DIR: dataDir,
    ORCH_AGENT_KEYS: `start:${keys.agent}`,
    ORCH_CLIENT_KEYS: `start:${keys.client}`,
    ORCH_ADMIN_KEYS: `start:${keys.admin}`,
    ORCH_DRAIN_MS: String(DRAIN_MS),
    ORCH_TARGET_ALLOW: "127.0.0.1/32",
    ORCH_TARGET_PORTS: `80,443,8080,8443,${port}`,
  };
}

/** This computer itself is the one private address that the local agent may reach, for the orchestrator's own /ip. */
function agentEnv({ port, dataDir, keys }: EnvOptions): Environment {
  return {
    ...inheritedEnv(),
    ORCH_WS: `ws://127.0.0.1:${port}/agent`,
    AGENT_KEY: keys.agent,
    AGENT_NAME: "this-computer",
    AGENT_DATA_DIR: join(dataDir, "agent"),
    AGENT_TARGET_ALLOW: "127.0.0.1/32",
    AGENT_TARGET_PORTS: `80,443,8080,8443,${port}`,
  };
}

/** The user's environment without settings of a real orchestrator or agent, which would mix with these. */
function inheritedEnv(): Environment {
  const entries = Object.entries(process.env);
  return Object.fromEntries(entries.filter(([name]) => !/^(?:ORCH|AGENT)_/.test(name)));
}

function newKey(role: Role): string {
  return formatKey(role, crypto.getRandomValues(new Uint8Array(KEY_SECRET_BYTES)));
}

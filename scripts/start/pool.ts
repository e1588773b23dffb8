/** The programs of `npm start`: one orchestrator and one agent on this computer, with keys that end with them. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { formatKey, KEY_SECRET_BYTES, type Role } from "@porchlight/protocol/key-format";
import { ROOT } from "../repository.ts";
import { freePort } from "./free-port.ts";
import { Program } from "./program.ts";

const PREFERRED_PORT = 8080;

/** How long running work may go on once Ctrl-C was pressed. Milliseconds. */
const DRAIN_MS = 2_000;

/** How long a program has for its graceful end before it is killed. Milliseconds. */
const STOP_MS = 5_000;

/** A running orchestrator with one local agent. */
export interface Pool {
  /** Of the HTTP API, without a trailing slash. */
  readonly url: string;
  readonly port: number;
  readonly clientKey: string;
  readonly adminKey: string;
  readonly logFolder: string;
  /** Resolves with a message when one of the programs has ended by itself. */
  readonly broken: Promise<string>;
  stop(): Promise<void>;
  kill(): void;
}

/** Starts both programs; they are not ready yet. */
export async function startPool(dataDir: string): Promise<Pool> {
  const port = await freePort(PREFERRED_PORT);
  const logFolder = join(dataDir, "logs");
  await mkdir(logFolder, { recursive: true });
  const keys = { agent: newKey("agent"), client: newKey("client"), admin: newKey("admin") };
  const programs = [
    new Program({
      name: "orchestrator",
      args: [join(ROOT, "packages/orchestrator/bin/porchlight.js"), "orchestrator"],
      env: orchestratorEnv({ port, dataDir, keys }),
      logFile: join(logFolder, `orchestrator-${port}.log`),
    }),
    new Program({
      name: "agent",
      args: [join(ROOT, "packages/agent/bin/porchlight-agent.js")],
      env: agentEnv({ port, dataDir, keys }),
      logFile: join(logFolder, `agent-${port}.log`),
    }),
  ];
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    clientKey: keys.client,
    adminKey: keys.admin,
    logFolder,
    broken: Promise.race(programs.map(explainEnd)),
    // The agent first, so that it says goodbye to an orchestrator that is still there.
    stop: async () => {
      for (const program of programs.toReversed()) await program.stop(STOP_MS);
    },
    kill: () => programs.forEach((program) => program.kill()),
  };
}

type Environment = Readonly<Record<string, string | undefined>>;

interface EnvOptions {
  readonly port: number;
  readonly dataDir: string;
  readonly keys: Readonly<Record<Role, string>>;
}

function orchestratorEnv({ port, dataDir, keys }: EnvOptions): Environment {
  return {
    ...inheritedEnv(),
    ORCH_LISTEN: `127.0.0.1:${port}`,
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

async function explainEnd(program: Program): Promise<string> {
  const sentence = await program.ended;
  return `${sentence}. Its last lines:\n${program.lastLines}`;
}

function newKey(role: Role): string {
  return formatKey(role, crypto.getRandomValues(new Uint8Array(KEY_SECRET_BYTES)));
}

/** Porchlight itself: orchestrator and agent as processes, TLS between them. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ApiClient } from "@porchlight/testkit/api-client";
import { testCertificate } from "@porchlight/testkit/certificate";
import { Program } from "@porchlight/testkit/program";
import { until } from "@porchlight/testkit/until";
import type { Load } from "../loads.ts";
import type { ContenderKind, Scene } from "./contender.ts";

const AGENT_KEY = "bench-agent-secret-0123456789";
const CLIENT_KEY = "bench-client-secret-0123456789";
const PROXY_AUTHORIZATION = `Proxy-Authorization: Basic ${btoa(`bench:${CLIENT_KEY}`)}`;
const ROOT = join(import.meta.dirname, "../..");

interface Ports {
  readonly api: number;
  readonly proxy: number;
  readonly agents: number;
}

export const porchlight: ContenderKind = {
  key: "porchlight",
  name: "Porchlight",
  programs: [],
  async start(scene) {
    await using started = new AsyncDisposableStack();
    const orchestrator = started.use(await startOrchestrator(scene));
    const ports = portsOf(orchestrator);
    const agent = started.use(await startAgent(scene, ports));
    const requests = await writeRequests(scene, ports);
    const forwarded = await writeForwarded(scene);
    const running = started.move();
    return {
      name: "Porchlight",
      processes: [
        { label: "orchestrator", pid: orchestrator.pid },
        { label: "agent", pid: agent.pid },
      ],
      route(load) {
        const target = ["-t", `127.0.0.1:${scene.originPort}`];
        if (load.kind === "tunnel") {
          return ["-m", "connect", "-p", String(ports.proxy), "-H", PROXY_AUTHORIZATION, ...target];
        }
        if (load.kind === "forward") {
          return ["-p", String(ports.proxy), "-r", forwarded.get(load.path) ?? "", ...target];
        }
        return ["-p", String(ports.api), "-r", requests.get(load.path) ?? "", ...target];
      },
      [Symbol.asyncDispose]: () => running.disposeAsync(),
    };
  },
};

async function startOrchestrator(scene: Scene): Promise<Program> {
  const { certFile, keyFile } = await testCertificate();
  const orchestrator = new Program({
    name: "orchestrator",
    args: [join(import.meta.dirname, "porchlight-node.ts")],
    env: {
      ORCH_LISTEN: "127.0.0.1:0",
      ORCH_PROXY_LISTEN: "127.0.0.1:0",
      ORCH_DATA_DIR: join(scene.folder, "orchestrator"),
      ORCH_AGENT_KEYS: `bench:${AGENT_KEY}`,
      ORCH_CLIENT_KEYS: `bench:${CLIENT_KEY}`,
      ORCH_ADMIN_KEYS: "bench:bench-admin-secret-0123456789",
      ORCH_TARGET_PORTS: "*",
      ORCH_TARGET_ALLOW: "127.0.0.0/8",
      ORCH_LOG_LEVEL: "warn",
      BENCH_CERT: certFile,
      BENCH_KEY: keyFile,
    },
  });
  await orchestrator.ready('"proxy"');
  return orchestrator;
}

function portsOf(orchestrator: Program): Ports {
  const line = orchestrator.logs.find(({ fields }) => "proxy" in fields);
  return line?.fields as unknown as Ports;
}

async function startAgent(scene: Scene, ports: Ports): Promise<Program> {
  const { caFile } = await testCertificate();
  const agent = new Program({
    name: "agent",
    args: [join(ROOT, "packages/agent/src/main.ts")],
    env: {
      ORCH_WS: `wss://127.0.0.1:${ports.agents}/agent`,
      AGENT_KEY,
      AGENT_NAME: "bench",
      AGENT_MAX_CONCURRENCY: "256",
      AGENT_TARGET_PORTS: "*",
      AGENT_TARGET_ALLOW: "127.0.0.0/8",
      AGENT_CA_FILE: caFile,
      AGENT_DATA_DIR: join(scene.folder, "agent"),
      AGENT_LOG_LEVEL: "warn",
    },
  });
  const client = new ApiClient({ origin: `http://127.0.0.1:${ports.api}`, key: CLIENT_KEY });
  await until("the agent to join", async () => (await client.agents())[0], 15_000);
  return agent;
}

/** Raw absolute-form GETs for the load generator, one file per path at the origin. */
async function writeForwarded(scene: Scene): Promise<Map<string, string>> {
  const folder = join(scene.folder, "forwarded");
  await mkdir(folder, { recursive: true });
  const files = new Map<string, string>();
  const authority = `127.0.0.1:${scene.originPort}`;
  for (const path of ["/1k", "/100m"] satisfies Load["path"][]) {
    const file = join(folder, path.slice(1));
    const line = `GET http://${authority}${path} HTTP/1.1\r\nHost: ${authority}\r\n`;
    await writeFile(file, `${line}${PROXY_AUTHORIZATION}\r\n\r\n`);
    files.set(path, file);
  }
  return files;
}

/** Raw POSTs for the load generator, one file per path at the origin. */
async function writeRequests(scene: Scene, ports: Ports): Promise<Map<string, string>> {
  const folder = join(scene.folder, "requests");
  await mkdir(folder, { recursive: true });
  const files = new Map<string, string>();
  for (const path of ["/1k", "/100k"] satisfies Load["path"][]) {
    const format = path === "/1k" ? "json" : "raw";
    const body = JSON.stringify({ url: `http://127.0.0.1:${scene.originPort}${path}`, format });
    const file = join(folder, path.slice(1));
    await writeFile(
      file,
      `POST /v1/request HTTP/1.1\r\nHost: 127.0.0.1:${ports.api}\r\n` +
        `Authorization: Bearer ${CLIENT_KEY}\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    );
    files.set(path, file);
  }
  return files;
}

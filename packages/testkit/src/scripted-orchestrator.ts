/** An orchestrator that a test plays by hand against real agents: a compromised or an odd one. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { MUX_SUBPROTOCOL, PROTOCOL_VERSION } from "@porchlight/protocol/message";
import { WebSocketServer } from "ws";
import { AgentSocket } from "./agent-socket.ts";
import { FrameSocket } from "./frame-socket.ts";
import { until } from "./until.ts";
import { listenOnLoopback } from "./listen.ts";

/** How agents are received. */
export interface ScriptedOrchestratorOptions {
  /** What WELCOME says besides the defaults; `false`: none is sent. */
  readonly welcome?: Readonly<Record<string, unknown>> | false;
  /** Answer upgrades with this HTTP status instead. */
  readonly refuseWith?: number;
}

/** A listening orchestrator on loopback that by itself sends WELCOME and answers pings, nothing else. */
export class ScriptedOrchestrator implements AsyncDisposable {
  /** Links of agents in the order they came. */
  readonly links: FrameSocket[] = [];
  readonly upgrades: IncomingMessage[] = [];
  readonly #server: Server;
  readonly #options: ScriptedOrchestratorOptions;
  readonly #webSockets: WebSocketServer;

  constructor(server: Server, options: ScriptedOrchestratorOptions) {
    this.#server = server;
    this.#options = options;
    this.#webSockets = new WebSocketServer({
      noServer: true,
      handleProtocols: (offered) => (offered.has(MUX_SUBPROTOCOL) ? MUX_SUBPROTOCOL : false),
    });
    server.on("upgrade", (request: IncomingMessage, socket, head) => {
      this.upgrades.push(request);
      if (options.refuseWith !== undefined) {
        socket.end(`HTTP/1.1 ${options.refuseWith} No\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      this.#webSockets.handleUpgrade(request, socket, head, (ws) => {
        this.#accept(new FrameSocket(new AgentSocket(ws)));
      });
    });
  }

  /** What an agent dials. */
  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/agent`;
  }

  /** Waits for the link number `count` (from 1) and its hello. */
  async untilLink(count = 1, deadlineMs = 5_000): Promise<FrameSocket> {
    const find = (): FrameSocket | undefined => this.links[count - 1];
    const link = await until(`link number ${count}`, find, deadlineMs);
    await link.untilFrame("hello", 1, deadlineMs);
    return link;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const link of this.links) link[Symbol.dispose]();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #accept(link: FrameSocket): void {
    this.links.push(link);
    const { welcome } = this.#options;
    if (welcome === false) return;
    link.onFrame((frame) => {
      if (link.received("hello").at(-1) !== frame) return;
      link.json("welcome", 0, {
        version: PROTOCOL_VERSION,
        agentId: "agent_scripted",
        linkId: `link_${this.links.indexOf(link)}`,
        heartbeatMs: 15_000,
        ...welcome,
      });
    });
  }
}

/** Starts one on any free loopback port, without TLS. */
export async function startScriptedOrchestrator(
  options: ScriptedOrchestratorOptions = {},
): Promise<ScriptedOrchestrator> {
  const server = createServer((_request, response) => response.writeHead(404).end());
  const orchestrator = new ScriptedOrchestrator(server, options);
  await listenOnLoopback(server);
  return orchestrator;
}

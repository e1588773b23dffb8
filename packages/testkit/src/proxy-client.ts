/** What clients of the proxy say, as bytes: requests to forward, CONNECT, and the SOCKS5 handshake. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { WebSocket } from "ws";
import { KEYS, type Cluster } from "./cluster.ts";
import { openRaw, type RawConnection, type RawOptions } from "./raw-http.ts";

/** The value of `Proxy-Authorization` for this username and key. */
export function basicLogin(username = "any", key: string = KEYS.client): string {
  return `Basic ${Buffer.from(`${username}:${key}`).toString("base64")}`;
}

function loginLine(key?: string): string {
  return `Proxy-Authorization: ${basicLogin("any", key)}\r\n`;
}

/** A CONNECT request with a good key. */
export function connectHead(authority: string, key?: string): string {
  return `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${loginLine(key)}\r\n`;
}

/** A request to be forwarded, with a good key; `headers` are whole lines. */
export function forwardHead(url: string, headers = "", method = "GET"): string {
  const host = URL.parse(url)?.host ?? "x";
  return `${method} ${url} HTTP/1.1\r\nHost: ${host}\r\n${loginLine()}${headers}\r\n`;
}

/** Opens a tunnel to a port of 127.0.0.1 and reads the answer's head; the own side may end alone. */
export async function openTunnel(
  cluster: Cluster,
  port: number,
  options: RawOptions = {},
): Promise<RawConnection> {
  const connection = await openRaw(cluster.proxyPort, { allowHalfOpen: true, ...options });
  connection.write(connectHead(`127.0.0.1:${port}`));
  await connection.untilText("200 Connection Established\r\n");
  await connection.untilText("\r\n\r\n");
  return connection;
}

/** Offers a login by username and password. Source: RFC 1928 §3. */
export const SOCKS_GREETING: Buffer = Buffer.from([5, 1, 2]);

/** Source: RFC 1929 §2. */
export function socksLogin(key: string = KEYS.client, username: string | Buffer = "any"): Buffer {
  const name = Buffer.from(username);
  return Buffer.concat([
    Buffer.from([1, name.length]),
    name,
    Buffer.from([key.length]),
    Buffer.from(key),
  ]);
}

/** `address` begins with its type; command 1 is CONNECT. Source: RFC 1928 §4. */
export function socksRequest(address: readonly number[], port: number, command = 1): Buffer {
  return Buffer.from([5, command, 0, ...address, port >> 8, port & 255]);
}

/** A name as an address of SOCKS5; what it holds is up to the test. */
export function socksName(text: string): number[] {
  return [3, text.length, ...Buffer.from(text)];
}

/** A request to be forwarded by node:http. */
export interface ProxyCall {
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** An answer in full, with what came before and behind it. */
export interface ProxyAnswer {
  readonly response: IncomingMessage;
  readonly body: Buffer;
  /** Interim responses in order, as `STATUS name: value …`; 100 is among them. */
  readonly interim: readonly string[];
}

/** Sends a request through the proxy on a connection of its own; with `Expect` the body waits for a 100. */
export async function callThroughProxy(cluster: Cluster, call: ProxyCall): Promise<ProxyAnswer> {
  const { url, method = "GET", headers, body } = call;
  const interim: string[] = [];
  const outgoing = httpRequest({
    host: "127.0.0.1",
    port: cluster.proxyPort,
    method,
    path: url,
    agent: false,
    headers: { host: new URL(url).host, "proxy-authorization": basicLogin(), ...headers },
  });
  outgoing.on("information", ({ statusCode, rawHeaders }) => {
    interim.push([statusCode, ...rawHeaders].join(" "));
  });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once("response", resolve);
    outgoing.once("error", reject);
    if (headers?.["expect"] === undefined) outgoing.end(body);
    else outgoing.once("continue", () => outgoing.end(body));
  });
  return { response, body: await buffer(response), interim };
}

/** A WebSocket to an `http:` URL through a forwarded request; it is not open yet. */
export function forwardedWebSocket(cluster: Cluster, url: string): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${cluster.proxyPort}/`, {
    headers: { "proxy-authorization": basicLogin() },
    finishRequest: (request) => {
      request.path = url;
      request.end();
    },
  });
}

/** A WebSocket to a `ws:` URL on top of an open tunnel; it is not open yet. */
export function tunnelledWebSocket({ socket }: RawConnection, url: string): WebSocket {
  return new WebSocket(url, { createConnection: () => socket });
}

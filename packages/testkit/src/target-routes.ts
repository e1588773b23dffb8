/** The well-behaved paths of the test target. */
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** One request at the target. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly socket: Socket;
  readonly url: URL;
  /** Second segment of the path: `5` of `/bytes/5`; empty without one. */
  readonly parameter: string;
}

/** Answers one request, in whatever way it likes. */
export type Route = (exchange: Exchange) => void;

/** What `/echo` answers as JSON. */
export interface Echo {
  readonly method: string;
  readonly path: string;
  /** Name, value, name, value, … */
  readonly headers: readonly string[];
  /** Base64. */
  readonly body: string;
}

const BLOCK = Buffer.alloc(65_536, "Porchlight test pattern, 32 B.\r\n");

/** The first `bytes` of the pattern that `/bytes/N` sends. */
export function bodyPattern(bytes: number): Buffer {
  return Buffer.alloc(bytes, "Porchlight test pattern, 32 B.\r\n");
}

/** First part of the path → a correct answer. */
export const FRIENDLY_ROUTES: Readonly<Record<string, Route>> = {
  /** Answers what it got. */
  echo: (exchange) => void echo(exchange),
  /** `/bytes/N` with Content-Length, or `?chunked`, optionally `?type=…`. */
  bytes: ({ response, parameter, url }) => {
    const bytes = Number(parameter);
    response.setHeader("content-type", url.searchParams.get("type") ?? "application/octet-stream");
    if (!url.searchParams.has("chunked")) response.setHeader("content-length", bytes);
    sendPattern(response, bytes);
  },
  /** `/status/N` with a short text. */
  status: ({ response, parameter }) => {
    response.writeHead(Number(parameter)).end(`${parameter}\n`);
  },
  /** `/redirect/STATUS?to=URL`. */
  redirect: ({ response, parameter, url }) => {
    const location = url.searchParams.get("to") ?? "/echo";
    response.writeHead(Number(parameter), { location, "content-length": 2 }).end("->");
  },
  /** `/hops/N`: N redirects, then `/echo`. */
  hops: ({ response, parameter }) => {
    const left = Number(parameter);
    response.writeHead(302, { location: left > 1 ? `/hops/${left - 1}` : "/echo" }).end();
  },
  /** Redirects to itself. */
  loop: ({ response }) => void response.writeHead(302, { location: "/loop" }).end(),
  /** Takes a body and answers its length and SHA-256 as JSON. */
  digest: (exchange) => void digest(exchange),
  /** Two cookies, and a header given twice. */
  repeats: ({ response }) => {
    response.writeHead(200, [
      ["Set-Cookie", "a=1"],
      ["Set-Cookie", "b=2"],
      ["X-Twice", "one"],
      ["X-Twice", "two"],
    ]);
    response.end("ok");
  },
  /** A chunked body with a trailer. */
  trailers: ({ response }) => {
    response.writeHead(200, { trailer: "X-Checksum" });
    response.write("body with a trailer");
    response.addTrailers({ "X-Checksum": "abc" });
    response.end();
  },
  /** One 103, then an answer. */
  hints: ({ response }) => {
    response.writeEarlyHints({ link: "</style.css>; rel=preload" });
    response.end("hinted");
  },
};

/** Sends `bytes` of the pattern, as fast as the other side reads. */
export function sendPattern(response: ServerResponse, bytes: number): void {
  let left = bytes;
  const pump = (): void => {
    while (left > 0 && !response.destroyed) {
      const chunk = left < BLOCK.length ? BLOCK.subarray(0, left) : BLOCK;
      left -= chunk.length;
      if (!response.write(chunk) && left > 0) return void response.once("drain", pump);
    }
    response.end();
  };
  pump();
}

async function echo({ request, response }: Exchange): Promise<void> {
  const body = await readBody(request);
  if (!body) return;
  const echoed: Echo = {
    method: request.method ?? "",
    path: request.url ?? "",
    headers: request.rawHeaders,
    body: body.toString("base64"),
  };
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(echoed));
}

async function digest({ request, response }: Exchange): Promise<void> {
  const hash = createHash("sha256");
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    hash.update(chunk);
  });
  request.once("end", () => response.end(JSON.stringify({ bytes, sha256: hash.digest("hex") })));
}

/** The whole body, or `undefined` when it was cut. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks);
}

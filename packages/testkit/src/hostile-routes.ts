/** The ill-behaved paths of the test target. They write raw bytes past the HTTP server, most of them on purpose wrong. */
import { gzipSync } from "node:zlib";
import { resetSocket } from "@porchlight/runtime/reset-socket";
import type { Exchange, Route } from "./target-routes.ts";

const MIB = 1024 * 1024;

/** Paths whose answers are no HTTP (faults F14). */
export const NOT_HTTP: readonly string[] = [
  "/garbage",
  "/garbage-status",
  "/bad-header",
  "/big-header/200000",
  "/many-headers/5000",
  "/endless-header",
  "/flood-1xx",
];

/** First part of the path → what the target does wrong there. */
export const HOSTILE_ROUTES: Readonly<Record<string, Route>> = {
  /** Never answers (faults F11). */
  hang: () => undefined,
  /** A head and ten bytes, then nothing (faults F11). */
  "hang-body": ({ socket }) => void socket.write(head(200, 1000) + "0123456789"),
  /** `/drip/MS`: a byte of a 1,000-byte body every MS milliseconds (faults F11). */
  drip: ({ socket, parameter }) => {
    socket.write(head(200, 1000));
    every(socket, Number(parameter), () => socket.write("."));
  },
  /** `/drip-head/MS`: a byte of an endless head every MS milliseconds (faults F11). */
  "drip-head": ({ socket, parameter }) => {
    socket.write("HTTP/1.1 200 OK\r\nX-Slow: ");
    every(socket, Number(parameter), () => socket.write("."));
  },
  /** `/cut/N`: announces 1,000 bytes, sends N, and ends the connection in good order (faults F13). */
  cut: ({ socket, parameter }) => void socket.end(head(200, 1000) + "x".repeat(Number(parameter))),
  /** A chunked body whose last chunk never comes before the connection ends (faults F13). */
  "cut-chunked": ({ socket }) => {
    socket.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  },
  /** Announces 5 bytes and sends 50 (faults F13). */
  longer: ({ socket }) => void socket.write(head(200, 5) + "hello" + "!".repeat(45)),
  /** A good answer, and right behind it one that nobody asked for (faults F13, CVE-2026-48931). */
  unasked: ({ socket }) => {
    socket.write(head(200, 5) + "first");
    setImmediate(() => socket.write(head(200, 6) + "poison"));
  },
  /** The same in one packet (faults F13). */
  "unasked-together": ({ socket }) => {
    socket.write(head(200, 5) + "first" + head(200, 6) + "poison");
  },
  /** A good answer; `/unasked-later/MS` after it one that nobody asked for, on the idle connection (faults F13). */
  "unasked-later": ({ socket, parameter }) => {
    socket.write(head(200, 5) + "first");
    setTimeout(() => socket.write(head(200, 6) + "poison"), Number(parameter));
  },
  /** Bytes that are no HTTP (faults F14). */
  garbage: ({ socket }) => void socket.end("\u0000\u0001NOT HTTP AT ALL\r\n\r\n"),
  /** A status line with a status that is no number (faults F14). */
  "garbage-status": ({ socket }) => void socket.end("HTTP/1.1 2x0 OK\r\n\r\n"),
  /** 103 for ever (faults F14). */
  "flood-1xx": ({ socket }) =>
    flood(socket, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(1000)),
  /** `/big-header/N`: one header of N bytes (faults F14). */
  "big-header": ({ socket, parameter }) => {
    const value = "h".repeat(Number(parameter));
    socket.write(`HTTP/1.1 200 OK\r\nX-Big: ${value}\r\nContent-Length: 2\r\n\r\nok`);
  },
  /** `/many-headers/N`: N headers (faults F14). */
  "many-headers": ({ socket, parameter }) => {
    const lines = Array.from({ length: Number(parameter) }, (_, index) => `X-H${index}: v\r\n`);
    socket.write(`HTTP/1.1 200 OK\r\n${lines.join("")}Content-Length: 2\r\n\r\nok`);
  },
  /** A header that never ends (faults F14). */
  "endless-header": ({ socket }) => {
    socket.write("HTTP/1.1 200 OK\r\nX-Endless: ");
    flood(socket, "h".repeat(65_536));
  },
  /** A chunked body without an end (faults F12). */
  endless: ({ socket }) => {
    socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    flood(socket, `10000\r\n${"e".repeat(65_536)}\r\n`);
  },
  /** A body without length and without an end (faults F12). */
  "endless-close": ({ socket }) => {
    socket.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    flood(socket, "e".repeat(65_536));
  },
  /** 64 MiB of zeros in some 64 KB of gzip (faults F14). */
  bomb: ({ response }) => {
    bomb ??= gzipSync(Buffer.alloc(64 * MIB));
    response.writeHead(200, { "content-encoding": "gzip", "content-length": bomb.length });
    response.end(bomb);
  },
  /** A body that says it was compressed a thousand times (faults F14). */
  "many-gzip": ({ response }) => {
    response.writeHead(200, { "content-encoding": Array(1000).fill("gzip").join(", ") }).end("x");
  },
  /** Resets the connection before the head (faults F15). */
  "reset-before": ({ socket }) => resetSocket(socket),
  /** Ends the connection in good order before the head (faults F15). */
  "end-before": ({ socket }) => void socket.end(),
  /** `/reset-after/N`: a head that announces 1,000 bytes, N bytes, then a reset (faults F15). */
  "reset-after": ({ socket, parameter }) => {
    socket.write(head(200, 1000) + "x".repeat(Number(parameter)), () => {
      setTimeout(() => resetSocket(socket), 50);
    });
  },
  /** Header values with control characters, and a bare line feed (faults F14). */
  "bad-header": ({ socket }) => {
    socket.end("HTTP/1.1 200 OK\r\nX-Bad: a\u0000b\r\nContent-Length: 2\r\n\r\nok");
  },
  /** Two lengths that differ (faults F13). */
  "two-lengths": ({ socket }) => {
    socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 4\r\n\r\nokok");
  },
};

let bomb: Buffer | undefined;

function head(status: number, contentLength: number): string {
  return `HTTP/1.1 ${status} OK\r\nContent-Length: ${contentLength}\r\n\r\n`;
}

function every(socket: Exchange["socket"], intervalMs: number, act: () => void): void {
  const timer = setInterval(act, intervalMs);
  socket.once("close", () => clearInterval(timer));
}

/** Sends `piece` again and again, as fast as the other side reads, until the connection is gone. */
function flood(socket: Exchange["socket"], piece: string): void {
  const bytes = Buffer.from(piece);
  const pump = (): void => {
    while (!socket.destroyed && socket.write(bytes));
  };
  socket.on("drain", pump);
  pump();
}

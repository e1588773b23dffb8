import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import { test } from "node:test";
import { listenOnLoopback } from "@porchlight/testkit/listen";
import { openRaw } from "@porchlight/testkit/raw-http";
import { exactHeaders, flushHead } from "./exact-headers.ts";

const UTF8_BYTES = "\u{c3}\u{a9}";

/** The bytes a server answers, one character each, up to `marker`. */
async function answered(listener: RequestListener, marker: string): Promise<string> {
  const server = createServer(listener);
  using connection = await openRaw(await listenOnLoopback(server));
  connection.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  try {
    return await connection.untilText(marker);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

test("exactHeaders: a Content-Disposition behind the length keeps its bytes", async () => {
  const headers = [
    "Content-Length",
    "2",
    "Content-disposition",
    `a; filename=${UTF8_BYTES}`,
    "X",
    "1",
  ];
  const text = await answered((_, response) => {
    response.sendDate = false;
    response.writeHead(200, [...exactHeaders(headers)]).end(Buffer.from("ok"));
  }, "\r\n\r\nok");
  assert.match(
    text,
    new RegExp(`Content-disposition: a; filename=${UTF8_BYTES}\r\nX: 1\r\nContent-Length: 2`),
  );
});

test("exactHeaders: every other list stays as it is", () => {
  const plain = ["Content-Length", "2", "Content-Disposition", "a", "X", UTF8_BYTES];
  assert.equal(exactHeaders(plain), plain);
});

test("flushHead: sends the head before any body, with the bytes of its values", async () => {
  const text = await answered((_, response) => {
    response.writeHead(200, ["X-Latin", "\u{e9}", "Content-Length", "2"]);
    flushHead(response);
  }, "\r\n\r\n");
  assert.match(text, /X-Latin: \u{e9}\r\n/u);
});

test("flushHead: nothing more on an answer that has ended", async () => {
  const text = await answered((_, response) => {
    response.writeHead(200, { Connection: "close" }).end("ok");
    flushHead(response);
  }, "ok");
  assert.match(text, /ok/);
});

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { sendRaw } from "./raw-http.ts";
import { listenOnLoopback } from "./listen.ts";

const JSON_ANSWER = "HTTP/1.1 400 Bad Request\r\nContent-Length: 13\r\n\r\n";
const BODY = '{"code":"x"} ';

/** What `statuses` finds in an answer. */
async function statusesIn(answer: string): Promise<number[]> {
  const server = createServer((socket) => socket.end(answer));
  const port = await listenOnLoopback(server);
  try {
    return (await sendRaw(port, "?")).statuses;
  } finally {
    server.close();
  }
}

const cases: readonly [what: string, answer: string, statuses: readonly number[]][] = [
  ["one answer", JSON_ANSWER + BODY, [400]],
  [
    "answers right behind bodies without a line's end",
    (JSON_ANSWER + BODY).repeat(3),
    [400, 400, 400],
  ],
  ["an answer behind one to HEAD", `${JSON_ANSWER}HTTP/1.1 200 OK\r\n\r\n`, [400, 200]],
  ["an interim answer", `HTTP/1.1 100 Continue\r\n\r\n${JSON_ANSWER}${BODY}`, [100, 400]],
  [
    "a body that is shorter than it says",
    `${JSON_ANSWER}{}\r\nHTTP/1.0 200 OK\r\n\r\n`,
    [400, 200],
  ],
  ["one that stands in the middle of a line", `${JSON_ANSWER}{HTTP/1.1 200}`, [400]],
];

for (const [what, answer, statuses] of cases) {
  test(`RawConnection.statuses: ${what}`, async () => {
    assert.deepEqual(await statusesIn(answer), statuses);
  });
}

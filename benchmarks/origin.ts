/**
 * The benchmarks' target: canned answers over bare sockets, so that it is not what is measured.
 * Prints its port. `/1k`, `/100k`, `/5m`, `/100m`; anything else is 404.
 */
import { createServer, type AddressInfo } from "node:net";

const KB = 1000;
const SIZES: Readonly<Record<string, number>> = {
  "/1k": KB,
  "/100k": 100 * KB,
  "/5m": 5000 * KB,
  "/100m": 100_000 * KB,
};

const NOT_FOUND = Buffer.from("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
const HEAD_END = "\r\n\r\n";

const answers = new Map(
  Object.entries(SIZES).map(([path, bytes]) => [
    path,
    { bytes, answer: undefined as Buffer | undefined },
  ]),
);

/** Large answers are made when first asked for. */
function answerTo(path: string): Buffer {
  const entry = answers.get(path);
  if (!entry) return NOT_FOUND;
  entry.answer ??= Buffer.concat([
    Buffer.from(
      `HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${entry.bytes}\r\n\r\n`,
    ),
    Buffer.alloc(entry.bytes, "p"),
  ]);
  return entry.answer;
}

const server = createServer({ noDelay: true }, (socket) => {
  let pending = "";
  socket.on("data", (chunk: Buffer) => {
    pending += chunk.toString("latin1");
    for (let end = pending.indexOf(HEAD_END); end !== -1; end = pending.indexOf(HEAD_END)) {
      const path = pending.slice(pending.indexOf(" ") + 1, pending.indexOf(" HTTP/"));
      pending = pending.slice(end + HEAD_END.length);
      socket.write(answerTo(path));
    }
  });
  // Loads end by breaking their connections off.
  socket.on("error", () => socket.destroy());
});
server.listen({ host: "127.0.0.1", port: 0, backlog: 1024 }, () => {
  console.log(`origin on port ${(server.address() as AddressInfo).port}`);
});

import type { Readable, Writable } from "node:stream";

/**
 * Passes the body of a message on as it comes, held up by `sink`, which is not ended. Node's parser makes a copy of each
 * piece in memory of its own, and every 64 MB of such memory start a major collection, which costs more than all else that
 * is done with a download. So each piece is freed once it has been written: nobody else may look at it behind that.
 * @param sink calls back when the system has the bytes: a socket, or an answer on one; not a tunnel, which has them wait
 */
export function passBody(source: Readable, sink: Writable): void {
  const onData = (piece: Buffer): void => {
    if (!sink.write(piece, () => free(piece))) source.pause();
  };
  const onDrain = (): void => void source.resume();
  const stop = (): void => {
    source.off("data", onData);
    sink.off("drain", onDrain);
  };
  source.on("data", onData);
  sink.on("drain", onDrain);
  source.once("close", stop);
  // What comes for a sink that has gone waits until its source is told to go as well.
  sink.once("close", () => {
    stop();
    source.pause();
  });
}

/** Only memory that is all the piece's, small pieces may share theirs; and only once. */
function free({ buffer, byteLength }: Buffer): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.detached) return;
  if (buffer.byteLength === byteLength) buffer.transfer(0);
}

import { ProxyError } from "@porchlight/protocol/errors";
import { announcedBodyBytes, checkHttpHead } from "@porchlight/protocol/http-head";
import type { HttpHead, OpenHttp } from "@porchlight/protocol/message";

/** Holds one response of an agent against its own head and the job's limit, before anything is passed on. */
export class ResponseCheck {
  readonly #method: string;
  readonly #maxBytes: number;
  #announcedBytes: number | undefined;
  #receivedBytes = 0;

  constructor(open: OpenHttp) {
    this.#method = open.method;
    this.#maxBytes = open.maxResponseBytes ?? Number.POSITIVE_INFINITY;
  }

  /** `agent_protocol_error` for a head that cannot be passed on (faults G9). */
  head(head: HttpHead): ProxyError | undefined {
    const error = checkHttpHead(head);
    if (error !== undefined) return error;
    try {
      // With `resend`, there is no body, whatever the redirect announced.
      this.#announcedBytes = head.resend === undefined ? announcedBodyBytes(this.#method, head) : 0;
      return undefined;
    } catch (thrown) {
      return ProxyError.from(thrown);
    }
  }

  /** `response_truncated` beyond the announced length (faults G10), `response_too_large` beyond the limit (faults F12). */
  data(bytes: number): ProxyError | undefined {
    this.#receivedBytes += bytes;
    if (this.#receivedBytes > (this.#announcedBytes ?? Number.POSITIVE_INFINITY)) {
      return truncated(`Response is longer than the ${this.#announcedBytes} bytes announced`);
    }
    if (this.#receivedBytes > this.#maxBytes) {
      return new ProxyError(
        "response_too_large",
        `Response is larger than ${this.#maxBytes} bytes`,
      );
    }
    return undefined;
  }

  /** `response_truncated` when the body is shorter than announced (faults G10). */
  end(): ProxyError | undefined {
    if (this.#receivedBytes >= (this.#announcedBytes ?? 0)) return undefined;
    return truncated(
      `Response ended after ${this.#receivedBytes} of ${this.#announcedBytes} bytes announced`,
    );
  }
}

function truncated(message: string): ProxyError {
  return new ProxyError("response_truncated", message);
}

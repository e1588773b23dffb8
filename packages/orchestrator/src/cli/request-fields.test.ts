import assert from "node:assert/strict";
import { test } from "node:test";
import { jobRequestOf, type RequestOptions } from "./request-fields.ts";

const NONE: RequestOptions = { header: [], follow: true, label: [] };
const URL_TEXT = "http://example.com/";

test("jobRequestOf: a bare URL is a raw GET with the orchestrator's defaults", () => {
  assert.deepEqual(jobRequestOf(URL_TEXT, NONE), {
    url: URL_TEXT,
    method: "GET",
    headers: {},
    followRedirects: true,
    format: "raw",
  });
});

test("jobRequestOf: a body makes it a POST of a form, as with curl", () => {
  const job = jobRequestOf(URL_TEXT, NONE, Buffer.from("a=1"));
  assert.equal(job.method, "POST");
  assert.equal(job.bodyBase64, "YT0x");
  assert.deepEqual(job.headers, { "content-type": ["application/x-www-form-urlencoded"] });
});

test("jobRequestOf: flags win over what is guessed", () => {
  const options = {
    request: "PUT",
    header: ["Content-Type: text/plain", "X-A: 1", "x-a: 2: 3"],
    follow: false,
    label: ["region=attic", "a=b=c"],
    agent: "home",
    country: "de",
    region: "BY",
    city: "munich",
    asn: "AS64496",
    timeout: "10s",
  };
  const job = jobRequestOf(URL_TEXT, options, Buffer.from("a"));
  assert.equal(job.method, "PUT");
  assert.deepEqual(job.headers, { "content-type": ["text/plain"], "x-a": ["1", "2: 3"] });
  assert.equal(job.followRedirects, false);
  assert.deepEqual(job.labels, { region: "attic", a: "b=c" });
  assert.equal(job.agent, "home");
  const { country, region, city, asn } = job;
  assert.deepEqual([country, region, city, asn], ["de", "BY", "munich", 64_496]);
  assert.equal(job.timeoutMs, 10_000);
});

test("jobRequestOf: refuses a header, a label, a network or a time not written as it should be", () => {
  const wrong = [
    { header: ["no colon"] },
    { label: ["=x"] },
    { asn: "Telekom" },
    { timeout: "soon" },
  ];
  for (const options of wrong) {
    const job = () => jobRequestOf(URL_TEXT, { ...NONE, ...options });
    assert.throws(job, { code: "invalid_request" });
  }
});

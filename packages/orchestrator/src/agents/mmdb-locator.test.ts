import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { HOMES, place, writeGeoFiles } from "@porchlight/testkit/geo-files";
import { encodeMmdb } from "@porchlight/testkit/mmdb-encoder";
import { temporaryFolder } from "@porchlight/testkit/temporary-folder";
import type { MmdbContent } from "./mmdb-content.ts";
import { MmdbFile } from "./mmdb-file.ts";
import { MmdbLocator } from "./mmdb-locator.ts";

async function setup(context: TestContext) {
  const folder = await temporaryFolder();
  context.after(() => folder[Symbol.asyncDispose]());
  const log: string[] = [];
  const note = (_fields: object, message: string) => void log.push(message);
  const logger = { info: note, error: note } as never;
  const open = (path: string, content: MmdbContent = "places") =>
    new MmdbFile({ path, content, logger });
  const write = (content: Uint8Array) => folder.write("a.mmdb", content);
  return { folder, log, open, write };
}

test("MmdbLocator: place and network of an address, each from its database", async (t) => {
  const { folder, open } = await setup(t);
  const paths = await writeGeoFiles(folder);
  const places = open(paths.places);
  const networks = open(paths.networks, "networks");
  const cologne = {
    country: "DE",
    region: "North Rhine-Westphalia",
    regionCode: "NW",
    city: "Köln",
  };
  const telekom = { asn: 64_496, org: "Example Telekom" };
  const both = new MmdbLocator({ places, networks });
  assert.deepEqual(both.locate(HOMES.cologne), { ...cologne, ...telekom });
  assert.equal(both.locate(HOMES.berlin).city, "Berlin");
  assert.equal(both.locate(HOMES.losAngeles).city, "Los Angeles");
  const onlyPlaces = new MmdbLocator({ places, networks: undefined });
  assert.deepEqual(onlyPlaces.locate(HOMES.cologne), cologne);
  const onlyNetworks = new MmdbLocator({ places: undefined, networks });
  assert.deepEqual(onlyNetworks.locate(HOMES.cologne), telekom);
  for (const unknown of [HOMES.nowhere, "", "2001:db8::1", "home.example", "127.0.0.1", "::1"]) {
    assert.deepEqual(both.locate(unknown), {}, unknown);
  }
});

test("MmdbLocator: who follows hears of a new version of either database", async (t) => {
  const { folder, log, open } = await setup(t);
  const paths = await writeGeoFiles(folder);
  const places = open(paths.places);
  const networks = open(paths.networks, "networks");
  const locator = new MmdbLocator({ places, networks });
  const heard: (string | undefined)[] = [];
  locator.follow(() => heard.push(locator.locate(HOMES.munich).city));
  await writeGeoFiles(folder, { "203.0.113.0/26": place(["FR", "IDF", "Île-de-France"], "Paris") });
  await places.refresh();
  assert.deepEqual(heard, ["Paris"]);
  await networks.refresh();
  assert.equal(heard.length, 2);
  await folder.write("places.mmdb", "no database");
  await places.refresh();
  assert.equal(locator.locate(HOMES.munich).city, "Paris");
  assert.match(log.at(-1) ?? "", /new database of places cannot be used; the old one stays/);
  locator.close();
  await writeGeoFiles(folder);
  await places.refresh();
  assert.equal(heard.length, 2, "nobody follows any more");
});

test("MmdbFile: says which database it is", async (t) => {
  const { log, open, write } = await setup(t);
  open(await write(encodeMmdb("Any", { "203.0.113.0/24": "x" })));
  assert.deepEqual(log, ["Using a database of places"]);
});

test("MmdbFile: an IPv6 address is not looked up among IPv4 ones", async (t) => {
  const { open, write } = await setup(t);
  // The first half of 2001:db8::, read as an IPv4 address, would be 32.1.13.184.
  const file = open(await write(encodeMmdb("Any", { "32.1.13.184/32": "wrong" }, 4)));
  assert.equal(file.find("32.1.13.184"), "wrong");
  assert.equal(file.find("2001:db8::1"), undefined);
});

test("MmdbFile: what is no address has no record", async (t) => {
  const { open, write } = await setup(t);
  const file = open(await write(encodeMmdb("Any", { "0.0.0.0/1": "somewhere" })));
  assert.equal(file.find("1.2.3.4"), "somewhere");
  for (const text of ["", "home.example", "1.2.3"]) assert.equal(file.find(text), undefined, text);
});

test("MmdbFile: what is none, damaged or of another format is refused", async (t) => {
  const { folder, open, write } = await setup(t);
  const good = encodeMmdb("Any", { "203.0.113.0/24": { city: "x" } });
  const cases: readonly [Uint8Array, RegExp][] = [
    [Buffer.alloc(0), /^It is no mmdb file$/],
    [Buffer.from("<html>"), /^It is no mmdb file$/],
    [good.subarray(0, -40), /^It is no mmdb file$/],
    [good.subarray(200), /^The mmdb file is damaged$/],
    [withByte(good, "binary_format_major_version", 3), /of format 3, and not 2$/],
  ];
  for (const [content, message] of cases) {
    const path = await write(content);
    assert.throws(() => open(path), { message });
  }
  assert.throws(() => open(`${folder.path}/none`), { code: "ENOENT" });
});

test("MmdbFile: one that is about something else is refused, at the start and as a new version", async (t) => {
  const { folder, log, open } = await setup(t);
  const paths = await writeGeoFiles(folder);
  assert.throws(() => open(paths.networks, "places"), {
    message: "It is a database of networks (Porchlight-Test-ASN), and not of places",
  });
  assert.throws(() => open(paths.places, "networks"), {
    message: "It is a database of places (Porchlight-Test-City), and not of networks",
  });
  const places = open(paths.places);
  await folder.write("places.mmdb", encodeMmdb("Our-ISP", { "0.0.0.0/1": "x" }));
  await places.refresh();
  assert.notEqual(places.find(HOMES.munich), undefined);
  assert.match(log.at(-1) ?? "", /new database of places cannot be used; the old one stays/);
});

test("MmdbFile: a record that cannot be read is not known, and told of once", async (t) => {
  const { log, open, write } = await setup(t);
  const content = encodeMmdb("Any", { "203.0.113.0/24": "unique record" });
  // The byte in front of it says that it is a text; no value has a type of 0.
  content[content.indexOf("unique record") - 1] = 0;
  content[content.indexOf("unique record")] = 0;
  const file = open(await write(content));
  assert.equal(file.find("203.0.113.7"), undefined);
  assert.equal(file.find("203.0.113.7"), undefined);
  assert.deepEqual(log, [
    "Using a database of places",
    "A record of the database of places cannot be read",
  ]);
});

/** With another value for a number of one byte in the metadata; a control byte stands between name and value. */
function withByte(content: Buffer, name: string, value: number): Buffer {
  const copy = Buffer.from(content);
  copy[copy.lastIndexOf(name) + name.length + 1] = value;
  return copy;
}

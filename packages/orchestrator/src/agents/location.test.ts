import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { foldName, UNKNOWN_WHEREABOUTS, whereaboutsOf } from "./location.ts";

describe("foldName", () => {
  const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
    "NEW YORK": ["New York", "NEW_YORK", "new-york", "  new   york ", "new_york"],
    KOLN: ["Köln", "Ko\u0308ln", "KÖLN", "koln"],
    "SAO PAULO": ["São Paulo", "sao_paulo"],
    "L AQUILA": ["L'Aquila", "l’aquila"],
    STRASSE: ["Straße", "STRAẞE", "strasse"],
    ISTANBUL: ["İstanbul", "istanbul"],
    "ST GALLEN": ["St. Gallen", "st_gallen"],
    "": ["", "_", "*", " - "],
  };
  for (const [folded, names] of Object.entries(SPELLINGS)) {
    it(`is ${JSON.stringify(folded)} for ${names.join(", ")}`, () => {
      for (const name of names) assert.equal(foldName(name), folded);
    });
  }

  it("keeps names of other scripts apart", () => {
    const names = ["東京", "大阪", "Москва", "दिल्ली", "दल", "แพร่", "서울", "Łódź", "Lodz"];
    assert.equal(new Set(names.map(foldName)).size, names.length);
  });

  it("changes nothing that it has folded already, however it is composed", () => {
    const names = fc.string({ unit: "grapheme", maxLength: 64 });
    fc.assert(
      fc.property(names, (name) => {
        const folded = foldName(name);
        assert.equal(foldName(folded), folded);
        for (const form of ["NFC", "NFD"]) assert.equal(foldName(name.normalize(form)), folded);
      }),
    );
  });
});

describe("whereaboutsOf", () => {
  it("folds every name", () => {
    const location = { country: "DE", region: "Bavaria", regionCode: "BY", city: "Köln", asn: 1 };
    assert.deepEqual(whereaboutsOf({ ...location, org: "Example" }), {
      country: "DE",
      region: "BAVARIA",
      regionCode: "BY",
      isoRegion: "DE BY",
      city: "KOLN",
      asn: 1,
    });
  });

  it("knows nothing of a name without letters", () => {
    const names = { country: "--", region: "-", regionCode: "-", city: "*" };
    assert.deepEqual(whereaboutsOf({ ...names, country: "-" }), UNKNOWN_WHEREABOUTS);
  });
});

// Reads a file of vCards with ical.js, and prints what it finds, a line of JSON for each vCard.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [packages, file] = process.argv.slice(2);
const found = createRequire(`${packages}/`)("ical.js");
const ICAL = found.default ?? found;
const parsed = ICAL.parse(readFileSync(file, "utf8"));
const names = {
  full: "fn",
  emails: "email",
  phones: "tel",
  notes: "note",
  nicknames: "nickname",
  uid: "uid",
};
for (const jcard of Array.isArray(parsed[0]) ? parsed : [parsed]) {
  const card = new ICAL.Component(jcard);
  const texts = (name) =>
    card.getAllProperties(name).flatMap((property) => property.getValues().map(String));
  const shown = Object.entries(names).map(([member, name]) => [member, texts(name)]);
  console.log(JSON.stringify(Object.fromEntries(shown)));
}

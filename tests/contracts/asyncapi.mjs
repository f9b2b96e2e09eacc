// Parses an AsyncAPI document with the parser of AsyncAPI's own makers.
//   node asyncapi.mjs DIRECTORY-OF-NODE-PACKAGES DOCUMENT
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [packages, file] = process.argv.slice(2);
const { Parser } = createRequire(`${packages}/`)("@asyncapi/parser");
const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"));
const bad = diagnostics.filter((one) => one.severity <= 1);
for (const one of bad) console.error(one.path.join("."), one.code, one.message);
if (!document || bad.length > 0) process.exit(1);
console.log(
  `${document.version()}: ${document.channels().length} channels, ` +
    `${document.operations().length} operations, ${bad.length} errors or warnings`,
);
